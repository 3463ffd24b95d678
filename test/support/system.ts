import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface SystemProcess {
  pid: number;
  parent: number;
  command: string;
}

// Where there is no /proc. To start ps takes ten times as long, and some tests ask every 20 ms.
function askPs(): SystemProcess[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, stat, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (command === undefined || isZombie(stat!)) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

// A zombie is gone; it only waits for init to notice.
const isZombie = (state: string) => state.startsWith('Z') || state.startsWith('X');

function readProc(pid: string): SystemProcess | undefined {
  try {
    const [, state, parent] = /\) (\S) (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
    if (isZombie(state!)) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return { pid: Number(pid), parent: Number(parent), command };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

const hasProc = existsSync('/proc/self/stat');

function processes(): SystemProcess[] {
  if (!hasProc) return askPs();
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => readProc(pid) ?? []);
}

export function isRunning(pid: number): boolean {
  if (hasProc) return readProc(String(pid)) !== undefined;
  return askPs().some((process) => process.pid === pid);
}

export function childrenOf(pid: number): SystemProcess[] {
  return processes().filter(({ parent }) => parent === pid);
}

/** The processes that have this text, such as a directory's name, on their command line. */
export function processesNaming(text: string): SystemProcess[] {
  return processes().filter(({ command }) => command.includes(text));
}
