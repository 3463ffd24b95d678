import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { WebSocket } from 'ws';
import { startKeeper } from '../../src/testing/keeper.js';
import { eventually } from './eventually.js';

// Debian's, or that of GitHub's machines.
const BINARIES = ['/usr/bin/chromium', '/usr/bin/google-chrome'];
const PATIENCE = { withinMs: 30_000 };

type Params = Record<string, unknown>;
type Listener = (method: string, params: Params) => void;

/** The keys that the tests press by name, as the browser's protocol describes them. Any other is text. */
const KEYS: Readonly<Record<string, object>> = {
  Tab: { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 },
  Enter: { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' },
  Escape: { key: 'Escape', code: 'Escape', windowsVirtualKeyCode: 27 },
  ArrowDown: { key: 'ArrowDown', code: 'ArrowDown', windowsVirtualKeyCode: 40 },
  Space: { key: ' ', code: 'Space', windowsVirtualKeyCode: 32, text: ' ' },
};

/** Chromium without a window, which dies with the test run. */
export async function startChromium() {
  const binary = BINARIES.find((path) => existsSync(path));
  if (!binary) throw new Error('This test needs Chromium: apt-get install chromium');
  const keeper = startKeeper();
  const args = [
    '--headless=new',
    // Root, as in a container, has no sandbox; the only page that is opened is our own.
    '--no-sandbox',
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--disable-background-networking',
    '--no-first-run',
    '--remote-debugging-port=0',
    `--user-data-dir=${keeper.directory}`,
  ];
  const child = spawn(binary, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  keeper.watch(child.pid!, 'SIGKILL');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const listening = /DevTools listening on (ws:\S+)/;
  await eventually('Chromium listens', () => listening.test(said), PATIENCE);
  const connection = await connectTo(listening.exec(said)![1]!);

  return {
    /** Opens a page in a browser profile of its own, or in that of another page. */
    open: (url: string, options: OpenOptions = {}) => openPage(connection, url, options),
    async stop() {
      connection.close();
      process.kill(-child.pid!, 'SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
      await keeper.close();
    },
  };
}

interface OpenOptions {
  width?: number;
  height?: number;
  mobile?: boolean;
  /** Another page, whose cookies this one shares. */
  beside?: { readonly profile: string };
}

type Connection = Awaited<ReturnType<typeof connectTo>>;

async function connectTo(url: string) {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let lastId = 0;
  const waiting = new Map<number, { resolve(value: Params): void; reject(error: Error): void }>();
  const listeners = new Map<string, Listener>();
  socket.on('message', (data) => {
    const { id, result, error, method, params, sessionId } = JSON.parse(String(data));
    if (id === undefined) return listeners.get(sessionId)?.(method, params);
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error) asked?.reject(new Error(error.message));
    else asked?.resolve(result);
  });
  return {
    send: (method: string, params: Params = {}, sessionId?: string) =>
      new Promise<Params>((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, { resolve, reject });
        socket.send(JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) }));
      }),
    listen: (sessionId: string, listener: Listener) => listeners.set(sessionId, listener),
    close: () => socket.close(),
  };
}

export type BrowserPage = Awaited<ReturnType<typeof openPage>>;

async function openPage(
  connection: Connection,
  url: string,
  { width = 1280, height = 900, mobile = false, beside }: OpenOptions,
) {
  const profile =
    beside?.profile ?? String((await connection.send('Target.createBrowserContext')).browserContextId);
  const target = { url: 'about:blank', browserContextId: profile };
  const { targetId } = await connection.send('Target.createTarget', target);
  const attached = await connection.send('Target.attachToTarget', { targetId, flatten: true });
  const sessionId = String(attached.sessionId);
  const send = (method: string, params?: Params) => connection.send(method, params, sessionId);
  const complaints: string[] = [];
  const requested: string[] = [];
  connection.listen(sessionId, (method, params) => {
    if (method === 'Network.requestWillBeSent') requested.push((params.request as { url: string }).url);
    if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
      complaints.push(JSON.stringify(params));
  });
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`);
  await send('Emulation.setDeviceMetricsOverride', { width, height, mobile, deviceScaleFactor: 1 });
  await send('Page.navigate', { url });

  const page = {
    profile,
    /** Errors, and what the browser logged: a refused script, a failed load. */
    complaints,
    /** The URL of each request of the page. */
    requested,
    /** The value of an expression, which may be a promise. */
    async evaluate<T>(expression: string): Promise<T> {
      const asked = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await send('Runtime.evaluate', asked);
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
      return (result as { value: T }).value;
    },
    /** The text that a person sees in an element. */
    text: (selector: string) =>
      page.evaluate<string>(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ''`),
    /** Clicks in the middle of an element, as a mouse does. */
    async click(selector: string) {
      const [x, y] = await page.evaluate<[number, number]>(`(() => {
        const element = document.querySelector(${JSON.stringify(selector)});
        element.scrollIntoView({ block: 'center', behavior: 'instant' });
        const { x, y, width, height } = element.getBoundingClientRect();
        return [x + width / 2, y + height / 2];
      })()`);
      for (const type of ['mousePressed', 'mouseReleased'])
        await send('Input.dispatchMouseEvent', { type, x, y, button: 'left', clickCount: 1 });
    },
    /** Presses keys as a person does: those above by name, or text. */
    async press(...keys: string[]) {
      for (const key of keys) {
        const known = KEYS[key];
        if (!known) await send('Input.insertText', { text: key });
        else {
          await send('Input.dispatchKeyEvent', { type: 'keyDown', ...known });
          await send('Input.dispatchKeyEvent', { type: 'keyUp', ...known, text: undefined });
        }
      }
    },
    /** Waits until the expression is true in the page. */
    until: (what: string, expression: string) =>
      eventually(what, async () => Boolean(await page.evaluate(expression)), { withinMs: 10_000 }),
    async close() {
      await connection.send('Target.closeTarget', { targetId });
    },
  };
  await eventually(`${url} is loaded`, () => page.evaluate("document.readyState === 'complete'"), PATIENCE);
  return page;
}
