import type { Command, Redis } from 'ioredis';
import { setImmediate } from '../timers.js';
import type { RedisClient } from './client.js';

/**
 * Sends the commands of one turn of the event loop as one write, whatever the client's auto-pipelining setting: all
 * questions of a request, and under load those of several requests, share a packet.
 */
export class WriteBatch {
  readonly #client: RedisClient;
  #commands: Command[] = [];
  #isDue = false;
  #beforeNext: (() => void)[] = [];
  #turn: Promise<void> | undefined;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  add(command: Command): void {
    this.#commands.push(command);
    this.#fallDue();
  }

  /** Does the work at the end of this turn, before its commands are sent. Commands of the work are sent with them. */
  beforeSending(work: () => void): void {
    this.#beforeNext.push(work);
    this.#fallDue();
  }

  endOfTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      this.beforeSending(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }

  #fallDue(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    for (const work of this.#beforeNext.splice(0)) work();
    this.#isDue = false;
    const commands = this.#commands;
    this.#commands = [];
    if (commands.length === 0) return;
    if (this.#client.isCluster) sendToCluster(this.#client as never, commands);
    else sendToServer(this.#client as Redis, commands);
  }
}

function sendToServer(redis: Redis, commands: readonly Command[]): void {
  let chunks: (string | Buffer)[] | undefined = [];
  // ioredis writes each command to the stream that it is given, as it does for its own pipelines.
  const collector = {
    write(chunk: string | Buffer): void {
      if (chunks) chunks.push(chunk);
      else redis.stream.write(chunk);
    },
  };
  for (const command of commands) redis.sendCommand(command, collector as never);
  const batch = chunks;
  chunks = undefined;
  if (batch.length > 0) redis.stream.write(joined(batch));
}

function joined(chunks: readonly (string | Buffer)[]): string | Buffer {
  if (chunks.every((chunk) => typeof chunk === 'string')) return chunks.join('');
  return Buffer.concat(chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk)));
}

// ioredis chooses the node of each command; corking the sockets of all nodes makes one write per node.
function sendToCluster(
  cluster: { nodes(): Redis[]; sendCommand(command: Command): unknown },
  commands: readonly Command[],
): void {
  const streams = cluster.nodes().map((node) => node.stream);
  for (const stream of streams) stream?.cork();
  for (const command of commands) cluster.sendCommand(command);
  for (const stream of streams) stream?.uncork();
}
