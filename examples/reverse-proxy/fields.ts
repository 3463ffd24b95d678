import type { IncomingMessage } from 'node:http';

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** The names of fields that end with a connection (RFC 9110 §7.6.1): the known ones and those that it lists itself. */
function endingWith(connection: string | undefined): ReadonlySet<string> {
  const named = (connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  return new Set([...HOP_BY_HOP, ...named]);
}

/** The headers that go on to the next connection. */
export function endToEnd<Value>(
  headers: NodeJS.Dict<Value>,
  connection: string | undefined,
): NodeJS.Dict<Value> {
  const ending = endingWith(connection);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ending.has(name)));
}

/**
 * The same of Node's raw list, each name with its lines. Not `headersDistinct`, which throws for a field that is named
 * `__proto__`.
 */
export function fieldLines(raw: readonly string[], connection: string | undefined): [string, string[]][] {
  const ending = endingWith(connection);
  const lines = new Map<string, string[]>();
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    if (!ending.has(name)) lines.set(name, [...(lines.get(name) ?? []), raw[at + 1]!]);
  }
  return [...lines];
}

/**
 * A body without a length keeps its chunks. Node sends that of a GET or DELETE bare otherwise, and an origin takes bare
 * bytes for the next request.
 */
export function framing({ headers }: IncomingMessage): Record<string, string> {
  return headers['transfer-encoding'] === undefined ? {} : { 'transfer-encoding': 'chunked' };
}
