import { createInterface } from 'node:readline/promises';

/** What a command has to say: for programs, and for people. */
export interface Outcome {
  readonly json: unknown;
  readonly lines: readonly string[];
  /** 1 when there was nothing to act on, or a problem was found. */
  readonly exitCode?: 0 | 1;
}

/** Asks before more than one thing is ended or purged; resolves to whether it may be. */
export type Confirm = (prompt: string) => Promise<boolean>;

// Clients name themselves, and a terminal obeys escape sequences.
const CONTROLS = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** The text with everything visible that a terminal would obey. */
export const harmless = (text: string): string =>
  text.replace(CONTROLS, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);

/** Rows in columns. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => harmless(String(cell))));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

export function shortTime(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** Asks on the terminal. Without one, nobody can say yes. */
export async function askOnTerminal(prompt: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${harmless(prompt)} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
