import { AsyncResource } from 'node:async_hooks';
import type { Command, Redis } from 'ioredis';
import { setImmediate } from '../timers.js';
import type { RedisClient } from './client.js';
import type { TimedCommand } from './timed-command.js';

/**
 * Sends the commands of one turn of the event loop as one write, whatever the client's auto-pipelining setting: all
 * questions of a request, and under load those of several requests, share a packet.
 */
export class WriteBatch {
  readonly #client: RedisClient;
  #commands: TimedCommand[] = [];
  #isDue = false;
  #beforeNext: (() => void)[] = [];
  #turn: Promise<void> | undefined;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  add(command: TimedCommand): void {
    this.#commands.push(command);
    this.#fallDue();
  }

  /**
   * Does the work at the end of this turn, before its commands are sent. Commands of the work are sent with them, in the
   * asynchronous context of the caller: a question that several requests share belongs to the one that asked first.
   */
  beforeSending(work: () => void): void {
    // Not AsyncResource.bind, which defines properties: that took 7 µs of a request.
    const asker = new AsyncResource('express-redis-toolkit:turn');
    this.#beforeNext.push(() => asker.runInAsyncScope(work));
    this.#fallDue();
  }

  endOfTurn(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      // It asks nothing, and its awaiters go on in their own contexts.
      this.#beforeNext.push(() => {
        this.#turn = undefined;
        resolve();
      });
      this.#fallDue();
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

function sendToServer(redis: Redis, commands: readonly TimedCommand[]): void {
  let chunks: (string | Buffer)[] | undefined = [];
  // ioredis writes each command to the stream that it is given, as it does for its own pipelines.
  const collector = {
    write(chunk: string | Buffer): void {
      if (chunks) chunks.push(chunk);
      else redis.stream.write(chunk);
    },
  };
  const send = (command: Command) => redis.sendCommand(command, collector as never);
  for (const command of commands) command.sendBy(send);
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
  commands: readonly TimedCommand[],
): void {
  const streams = cluster.nodes().map((node) => node.stream);
  for (const stream of streams) stream?.cork();
  const send = (command: Command) => cluster.sendCommand(command);
  for (const command of commands) command.sendBy(send);
  for (const stream of streams) stream?.uncork();
}
