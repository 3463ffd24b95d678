import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OriginAnswer {
  status?: number;
  /** A list of values makes several lines. */
  headers?: Record<string, string | string[]>;
  body?: string;
  /** Closes the connection in place of an answer, or after half of the body. */
  close?: 'at once' | 'midway';
}

export interface Received {
  method: string;
  headers: IncomingHttpHeaders;
}

/** An origin that answers each path from its own queue, and tells what it received. */
export async function startScriptedOrigin() {
  const queues = new Map<string, OriginAnswer[]>();
  const received = new Map<string, Received[]>();
  const server = createServer((req, res) => {
    const path = req.url!;
    received.set(path, [...(received.get(path) ?? []), { method: req.method!, headers: req.headers }]);
    const { status = 200, headers = {}, body = '0123456789', close } = queues.get(path)?.shift() ?? {};
    if (close === 'at once') return void req.socket.destroy();
    res.sendDate = !('Date' in headers);
    for (const [name, value] of Object.entries(headers)) if (value.length > 0) res.setHeader(name, value);
    if (close === 'midway') {
      res.writeHead(status, { 'Content-Length': body.length }).write(body.slice(0, body.length / 2));
      return void setImmediate(() => req.socket.destroy());
    }
    const hasBody = req.method !== 'HEAD' && status !== 204 && status !== 304;
    res.writeHead(status).end(hasBody ? body : undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    script: (path: string, answers: OriginAnswer[]) => void queues.set(path, answers),
    received: (path: string): readonly Received[] => received.get(path) ?? [],
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
