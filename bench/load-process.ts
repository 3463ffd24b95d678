import autocannon from 'autocannon';
import { serve } from '../test/support/child.js';
import { rotated } from './rotated.js';

export interface Load {
  port: number;
  connections: number;
  /** One of the two ends it. */
  durationMs?: number;
  amount?: number;
  method: 'GET' | 'POST';
  /** Taken in turn by each connection; each begins with another one. */
  paths: readonly string[];
  /** Taken in turn along with the paths. */
  cookies?: readonly string[];
  /** Each path comes from an address of its own, and no two connections share a path. */
  strangers?: boolean | undefined;
  /** What follows the path is new in every run, and in it with every request of a connection, or of all. */
  numbered?: 'by connection' | 'by run' | undefined;
  status: number;
}

export interface LoadResult {
  requests: number;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers with another status, and requests without any answer. */
  unexpected: number;
}

// How often autocannon looks whether its time is over.
const CHECK_EVERY_MS = 10;
const LONGEST_MS = 30_000;

const addressOf = (turn: number) => `10.0.${turn >> 8}.${turn & 255}`;

function requestsOf(
  { method, paths, cookies, strangers, numbered }: Load,
  next: () => string,
): autocannon.Request[] {
  return paths.map((path, turn) => ({
    method,
    path,
    headers: {
      ...(cookies && { cookie: cookies[turn % cookies.length]! }),
      ...(strangers && { 'x-forwarded-for': addressOf(turn) }),
    },
    ...(numbered && { setupRequest: (request) => ({ ...request, path: `${path}${next()}` }) }),
  }));
}

// Shares of their own, for connections that began far apart would stay apart only as long as all are equally fast.
const shareOf = (client: number, requests: autocannon.Request[], { strangers, connections }: Load) =>
  strangers ? requests.filter((_, turn) => turn % connections === client) : rotated(requests, client);

function counter(run: number): () => string {
  let number = 0;
  return () => `${run}-${number++}`;
}

let runs = 0;

function run(load: Load): Promise<LoadResult> {
  const { port, connections, durationMs = 0, amount } = load;
  const times: number[] = [];
  const number = ++runs;
  const ofRun = counter(number);
  let [began, ended, unexpected, clients] = [0, 0, 0, 0];
  return new Promise((resolve, reject) => {
    const running = autocannon(
      {
        url: `http://127.0.0.1:${port}`,
        connections,
        ...(amount ? { amount } : { duration: durationMs / 1000 }),
        sampleInt: CHECK_EVERY_MS,
        requests: [],
        setupClient(client) {
          const requests = requestsOf(load, load.numbered === 'by run' ? ofRun : counter(number));
          client.setRequests(shareOf(clients++, requests, load));
        },
      },
      (error) => {
        if (error) return reject(error);
        times.sort((a, b) => a - b);
        const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]!;
        const seconds = (ended - began) / 1000;
        resolve({ requests: times.length, seconds, p50Ms: at(0.5), p99Ms: at(0.99), unexpected });
      },
    );
    running.on('start', () => {
      began = performance.now();
    });
    running.on('reqError', () => unexpected++);
    // autocannon's own histogram knows whole milliseconds.
    running.on('response', (_client, status, _bytes, ms) => {
      ended = performance.now();
      times.push(ms);
      if (Number(status) !== load.status) unexpected++;
    });
  });
}

// On a starved machine a short time may be over before an answer came.
async function runUntilAnswered(load: Load): Promise<LoadResult> {
  const result = await run(load);
  if (load.amount || result.requests > 0) return result;
  const durationMs = load.durationMs! * 2;
  if (durationMs > LONGEST_MS) throw new Error(`no answers from port ${load.port} to ${load.paths[0]}`);
  return runUntilAnswered({ ...load, durationMs });
}

serve({ run: runUntilAnswered });
