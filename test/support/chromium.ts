import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { WebSocket } from 'ws';
import { startKeeper } from '../../server/services/keeper.js';
import { runService } from '../../server/services/service-process.js';
import { eventually } from './eventually.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const ARGUMENTS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-background-networking',
  '--remote-debugging-port=0',
];

// biome-ignore lint/suspicious/noExplicitAny: the protocol has a type per method.
type Reply = any;

export interface BrowserPage {
  /** What scripts and the policy complained about so far. */
  readonly complaints: readonly string[];
  /** The URLs that the page asked for. */
  readonly requested: readonly string[];
  goTo(url: string): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until the expression is true in the page. */
  until(what: string, expression: string): Promise<void>;
  /** Presses keys as a person does: `Tab`, `Enter`, ` `, or text. */
  press(...keys: string[]): Promise<void>;
}

function chromium(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (!found) throw new Error('Chromium is not on PATH: install the package chromium (apt, dnf, brew)');
  return found;
}

/** A Chromium of the test's own, spoken to over the DevTools protocol. It dies with the test run. */
export async function startChromium() {
  const keeper = startKeeper();
  const args = [...ARGUMENTS, `--user-data-dir=${keeper.directory}`, 'about:blank'];
  const ready = /DevTools listening on/;
  const service = await runService({ command: chromium(), args, keeper, stopSignal: 'SIGKILL', ready });
  const whereFile = join(keeper.directory, 'DevToolsActivePort');
  // It says that it listens before it writes where.
  await eventually('Chromium has written where it listens', () => {
    return existsSync(whereFile) && readFileSync(whereFile, 'utf8').includes('\n/');
  });
  const [port, path] = readFileSync(whereFile, 'utf8').split('\n');
  const connection = await connect(`ws://127.0.0.1:${port}${path}`);
  return {
    /** A page in a browser context of its own: no cookie of another page. */
    async open(): Promise<BrowserPage> {
      const { browserContextId } = await connection.send('Target.createBrowserContext');
      const { targetId } = await connection.send('Target.createTarget', {
        url: 'about:blank',
        browserContextId,
      });
      const { sessionId } = await connection.send('Target.attachToTarget', { targetId, flatten: true });
      return pageOf(connection, sessionId);
    },
    async stop(): Promise<void> {
      connection.close();
      await service.stop();
    },
  };
}

async function connect(url: string) {
  const socket = new WebSocket(url);
  const waiting = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  const listeners: ((event: { method: string; sessionId?: string; params: Reply }) => void)[] = [];
  let lastId = 0;
  socket.on('message', (data) => {
    const message = JSON.parse(String(data));
    if (message.id === undefined) for (const listener of listeners) listener(message);
    else if (message.error) waiting.get(message.id)?.reject(new Error(message.error.message));
    else waiting.get(message.id)?.resolve(message.result);
  });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return {
    send: (method: string, params: object = {}, sessionId?: string): Promise<Reply> =>
      new Promise((resolve, reject) => {
        lastId += 1;
        waiting.set(lastId, { resolve, reject });
        socket.send(JSON.stringify({ id: lastId, method, params, sessionId }));
      }),
    on: (listener: (typeof listeners)[number]) => void listeners.push(listener),
    close: () => socket.close(),
  };
}

const NAMED_KEYS: Record<string, { code: string; windowsVirtualKeyCode: number; text?: string }> = {
  Tab: { code: 'Tab', windowsVirtualKeyCode: 9 },
  Enter: { code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
  Escape: { code: 'Escape', windowsVirtualKeyCode: 27 },
  ArrowDown: { code: 'ArrowDown', windowsVirtualKeyCode: 40 },
  ' ': { code: 'Space', windowsVirtualKeyCode: 32, text: ' ' },
};

async function pageOf(
  connection: Awaited<ReturnType<typeof connect>>,
  sessionId: string,
): Promise<BrowserPage> {
  const complaints: string[] = [];
  const requested: string[] = [];
  const send = (method: string, params: object = {}) => connection.send(method, params, sessionId);
  connection.on(({ method, params, ...event }) => {
    if (event.sessionId !== sessionId) return;
    if (method === 'Runtime.exceptionThrown') complaints.push(params.exceptionDetails.exception?.description);
    if (method === 'Log.entryAdded' && params.entry.level === 'error') complaints.push(params.entry.text);
    if (method === 'Network.requestWillBeSent') requested.push(params.request.url);
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`);

  const evaluate = async (expression: string) => {
    const reply = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (reply.exceptionDetails) throw new Error(reply.exceptionDetails.exception?.description);
    return reply.result.value;
  };
  const until = (what: string, expression: string) =>
    eventually(what, async () => Boolean(await evaluate(expression)), { withinMs: 10_000 });
  const press = async (key: string) => {
    const known = NAMED_KEYS[key];
    if (!known) return send('Input.insertText', { text: key });
    await send('Input.dispatchKeyEvent', { type: 'keyDown', key, ...known });
    return send('Input.dispatchKeyEvent', { type: 'keyUp', key, ...known, text: undefined });
  };
  return {
    complaints,
    requested,
    evaluate,
    until,
    async goTo(url) {
      await send('Page.navigate', { url });
      await until(
        `${url} is loaded`,
        `location.href !== 'about:blank' && document.readyState === 'complete'`,
      );
    },
    async press(...keys) {
      for (const key of keys) await press(key);
    },
  };
}
