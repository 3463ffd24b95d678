import { execFileSync } from 'node:child_process';

export interface SystemProcess {
  pid: number;
  parent: number;
  command: string;
}

function processes(): SystemProcess[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, stat, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    // A zombie is gone; it only waits for init to notice.
    if (command === undefined || stat!.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

export function isRunning(pid: number): boolean {
  return processes().some((process) => process.pid === pid);
}

export function childrenOf(pid: number): SystemProcess[] {
  return processes().filter(({ parent }) => parent === pid);
}

/** The processes that have this text, such as a directory's name, on their command line. */
export function processesNaming(text: string): SystemProcess[] {
  return processes().filter(({ command }) => command.includes(text));
}
