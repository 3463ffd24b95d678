import type { DestinationStream } from 'pino';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};
// A client's text must not move the cursor of a terminal.
const CONTROL = /[\p{Cc}]/gu;

interface LogLine {
  level: number;
  time: number;
  msg?: string;
  req?: { method: string; url: string };
  res?: { statusCode: number; headers?: Record<string, unknown> };
  responseTime?: number;
  err?: { message: string; stack?: string };
}

/** Makes the logger's JSON one short line for people, on a terminal. */
export function readableLog(print: (line: string) => void): DestinationStream {
  return { write: (json) => print(readableLine(JSON.parse(json) as LogLine)) };
}

function readableLine(line: LogLine): string {
  const time = new Date(line.time).toTimeString().slice(0, 8);
  const text = line.responseTime === undefined ? messageOf(line) : requestOf(line);
  return `${time} ${text}`;
}

function requestOf({ req, res, responseTime }: LogLine): string {
  const cache = res?.headers?.['cache-status'];
  const parts = [req?.method, req?.url, res?.statusCode, `${responseTime} ms`, cache];
  return onOneLine(parts.filter((part) => part !== undefined).join(' '));
}

function messageOf({ level, msg, err }: LogLine): string {
  const said = [LEVELS[level], msg, err && err.message !== msg ? `(${err.message})` : undefined];
  const stack = level >= 50 && err?.stack ? err.stack.split('\n').slice(1) : [];
  return [said.filter((part) => part !== undefined).join(' '), ...stack].map(onOneLine).join('\n');
}

const onOneLine = (text: string): string => text.replace(CONTROL, '?');
