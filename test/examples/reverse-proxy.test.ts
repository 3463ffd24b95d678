import { join } from 'node:path';
import express from 'express';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { passInterim } from '../../examples/reverse-proxy/interim.js';
import { detachResponse } from '../../middleware/response/index.js';
import { serve } from '../middleware/support/redis-for-file.js';
import { eventually } from '../support/eventually.js';
import { launchBundled, type TypeScriptChild } from '../support/processes.js';
import { printedSeed, random } from '../support/random.js';
import { sized } from '../support/size.js';
import { isRunning } from '../support/system.js';
import { exchange, type Script, startRawOrigin } from './raw-exchange.js';

const MAIN = join(__dirname, '../../examples/reverse-proxy/main.ts');

let origin: Awaited<ReturnType<typeof startRawOrigin>>;
let proxy: TypeScriptChild | undefined;
let port: number;

beforeAll(async () => {
  origin = await startRawOrigin();
});
// One that a test ended must not fail all others.
beforeEach(async () => {
  if (proxy && isRunning(proxy.pid)) return;
  const args = ['--origin', origin.url, '--port', '0', '--redis', inject('redisUrl')];
  const started = await launchBundled(MAIN, { args });
  proxy = started;
  const listening = /localhost:(\d+) caches/;
  await eventually('the proxy listens', () => listening.test(started.output()), { withinMs: 15_000 });
  port = Number(listening.exec(started.output())![1]);
});
afterAll(async () => {
  await proxy?.kill();
  origin.close();
});

let paths = 0;
const CLOSE = 'Host: test\r\nConnection: close\r\n';

/** What the client gets for one request when the origin answers by the script; the proxy must be alive afterwards. */
async function through(script: Script, { method = 'GET', version = '1.1', more = '', body = '' } = {}) {
  const path = `/${process.pid}-${Date.now()}-${++paths}`;
  origin.script(path, script);
  const answer = await exchange(port, `${method} ${path} HTTP/${version}\r\n${CLOSE}${more}\r\n${body}`);
  await survives();
  return answer;
}

/** An ordinary request is answered by the process that has run all the time. */
async function survives() {
  const path = `/${process.pid}-${Date.now()}-alive-${++paths}`;
  origin.script(path, says('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalive'));
  const answer = await exchange(port, `GET ${path} HTTP/1.1\r\n${CLOSE}\r\n`);
  expect(isRunning(proxy!.pid), proxy!.output()).toBe(true);
  expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*alive$/);
}

const says =
  (...parts: string[]): Script =>
  (socket) => {
    for (const part of parts) socket.write(part, 'latin1');
  };
const saysAndEnds =
  (...parts: string[]): Script =>
  (socket) => {
    for (const part of parts) socket.write(part, 'latin1');
    socket.end();
  };

const OK = 'HTTP/1.1 200 OK\r\n';
const statusOf = (answer: string) => answer.split(' ')[1];
const bodyOf = (answer: string) => answer.slice(answer.indexOf('\r\n\r\n') + 4);

describe('an origin that breaks off, or sends more than it said', () => {
  test('a body that is longer than its Content-Length is cut to that length', async () => {
    const answer = await through(says(`${OK}Content-Length: 5\r\n\r\n12345 and more`));
    expect([statusOf(answer), bodyOf(answer)]).toEqual(['200', '12345']);
  });

  test('bytes behind an answer, sent later, do not become the answer to the next request', async () => {
    const late: Script = (socket) => {
      socket.write(`${OK}Content-Length: 5\r\n\r\n12345`);
      setTimeout(() => socket.write(`${OK}Content-Length: 6\r\n\r\nforged`), 20);
    };
    for (let n = 0; n < 5; n++) expect(bodyOf(await through(late))).toBe('12345');
  });

  test('a second answer to one request is not passed on', async () => {
    const one = `${OK}Content-Length: 3\r\n\r\n`;
    expect(await through(says(`${one}one${one}two`))).not.toContain('two');
  });

  test('a body that is shorter than its Content-Length ends in a cut connection, not in a whole answer', async () => {
    const answer = await through(saysAndEnds(`${OK}Content-Length: 500\r\n\r\n12345`));
    expect(bodyOf(answer).length).toBeLessThan(500);
  });

  test('a body of chunks whose last one never comes is not ended by the proxy', async () => {
    const answer = await through(saysAndEnds(`${OK}Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n`));
    expect(answer).not.toContain('\r\n0\r\n');
  });

  test('a head without a single byte of its body is a 502', async () => {
    const answer = await through(saysAndEnds(`${OK}Content-Length: 5\r\nX-Lost: yes\r\n\r\n`));
    expect(statusOf(answer)).toBe('502');
    expect(answer.toLowerCase()).not.toContain('x-lost');
  });

  test('a reset in mid-body cuts the client off', async () => {
    const reset: Script = (socket) => {
      socket.write(`${OK}Content-Length: 500\r\n\r\n12345`, () => socket.resetAndDestroy());
    };
    expect(bodyOf(await through(reset)).length).toBeLessThan(500);
  });

  test('a body for HEAD, 204 and 304 is left out', async () => {
    const body = 'Content-Length: 5\r\n\r\n12345';
    expect(bodyOf(await through(says(`${OK}${body}`), { method: 'HEAD' }))).toBe('');
    expect(bodyOf(await through(says(`HTTP/1.1 204 No Content\r\n${body}`)))).toBe('');
    expect(bodyOf(await through(says(`HTTP/1.1 304 Not Modified\r\n${body}`)))).toBe('');
  });
});

describe('an origin that does not speak HTTP', () => {
  test.each([
    ['nothing at all', ''],
    ['garbage', 'SSH-2.0-OpenSSH_9.7\r\n'],
    ['half a head', 'HTTP/1.1 200 OK\r\nX-Half: '],
    ['a status of 99', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['a status of 0', 'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n'],
    [
      'a 101 that nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    ],
    ['a name with a blank', `${OK}Two Words: x\r\nContent-Length: 0\r\n\r\n`],
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['a length that is no number', `${OK}Content-Length: many\r\n\r\nab`],
    ['a length and chunks', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a coding besides chunks', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
    ['a head of a megabyte', `${OK}X-Large: ${'x'.repeat(1_000_000)}\r\n\r\n`],
    ['a control character in a value', `${OK}X-Bell: a\x07b\r\nContent-Length: 0\r\n\r\n`],
    ['a size of a chunk that is no number', `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n12345\r\n`],
  ])('%s is a 502', async (_what, bytes) => {
    expect(statusOf(await through(saysAndEnds(bytes)))).toBe('502');
  });

  test('a control character in the reason phrase is answered with the usual phrase', async () => {
    const answer = await through(says('HTTP/1.1 200 O\x07K\r\nContent-Length: 2\r\n\r\nok'));
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nok$/);
  });

  test('a field named __proto__ is a field as any other', async () => {
    const answer = await through(says(`${OK}__proto__: x\r\nContent-Length: 2\r\n\r\nok`));
    expect([statusOf(answer), bodyOf(answer)]).toEqual(['200', 'ok']);
  });

  test('a Trailer field beside a Content-Length does no harm', async () => {
    const answer = await through(says(`${OK}Trailer: X-Sum\r\nContent-Length: 2\r\n\r\nok`));
    expect([statusOf(answer), bodyOf(answer)]).toEqual(['200', 'ok']);
  });
});

describe('what HTTP has beside a head and a body', () => {
  const FINAL = `${OK}Content-Length: 2\r\n\r\nok`;

  test('a 103 is passed with all of its fields, also lines of one name and a Link that Node would not write', async () => {
    const hints = [
      'Link: </a.css>; rel=preload; as=style, </b.js>; rel=preload; title="two words"',
      'Link: </c.css>; rel=preload',
      "Content-Security-Policy: default-src 'self'",
      'X-More: 1',
    ].join('\r\n');
    const answer = await through(says(`HTTP/1.1 103 Early Hints\r\n${hints}\r\n\r\n`, FINAL));
    const [interim, ...rest] = answer.split('\r\n\r\n');
    const [first, ...fields] = interim!.split('\r\n');
    expect(first).toBe('HTTP/1.1 103 Early Hints');
    const lower = (line: string) => line.replace(/^[^:]+/, (name) => name.toLowerCase());
    expect(fields.map(lower)).toEqual(hints.split('\r\n').map(lower));
    expect(rest[0]).toMatch(/^HTTP\/1\.1 200 /);
    expect(rest[1]).toBe('ok');
  });

  test('a 103 without a Link is passed, and so are a 102 and several in a row', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nX-Only: this\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const answer = await through(says(interim, interim, FINAL));
    expect(answer.match(/^HTTP\/1\.1 \d+/gm)).toEqual(
      ['103', '102', '103', '102', '200'].map((status) => `HTTP/1.1 ${status}`),
    );
    expect(answer.match(/x-only: this/gi)).toHaveLength(2);
  });

  test('fields of the connection to the origin are taken out of a 103, and a client of HTTP/1.0 gets none', async () => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n';
    const answer = await through(says(interim, FINAL));
    expect(answer).toMatch(/x-end: 2/i);
    expect(answer).not.toMatch(/x-hop/i);
    expect(await through(says(interim, FINAL), { version: '1.0' })).not.toContain('103');
  });

  test('an interim response of a refresh in the background does not get into the answer that the client has', async () => {
    const interim = { statusCode: 103, statusMessage: 'x', rawHeaders: ['X-A', '1'], headers: {} } as never;
    const url = await serve(
      express().use((req, res) => {
        const end = res.end.bind(res);
        res.set('Content-Length', '10');
        void detachResponse(req, res, () => res.write('01234'));
        passInterim(req, res, interim);
        end('56789');
      }),
    );
    const answer = await exchange(Number(new URL(url).port), `GET / HTTP/1.1\r\n${CLOSE}\r\n`);
    expect(bodyOf(answer)).toBe('0123456789');
  });

  test('trailers are passed behind a body of chunks', async () => {
    const body =
      'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nX-Sum: 8\r\n\r\n';
    const answer = await through(says(`${OK}${body}`));
    expect(answer.toLowerCase()).toMatch(/\r\n0\r\nx-sum: 7\r\nx-sum: 8\r\n\r\n$/);
  });

  test('a request to upgrade goes to the origin without the wish, and its ordinary answer comes back', async () => {
    let asked = '';
    const answers: Script = (socket, request) => {
      asked = request;
      socket.write(FINAL);
    };
    const more = 'Upgrade: websocket\r\nSec-WebSocket-Key: x\r\n';
    const answer = await through(answers, { more });
    expect(statusOf(answer)).toBe('200');
    expect(asked).not.toMatch(/^upgrade:/im);
  });

  test('the body of a GET in chunks reaches the origin in chunks: bare, it would be a request of its own', async () => {
    let asked = '';
    const answers: Script = (socket, request) => {
      asked = request;
      socket.on('data', (chunk) => {
        asked += chunk.toString('latin1');
      });
      setTimeout(() => socket.write(FINAL), 50);
    };
    const smuggled = 'DELETE /all HTTP/1.1\r\nHost: x\r\n\r\n';
    const body = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
    await through(answers, { more: 'Transfer-Encoding: chunked\r\n', body });
    expect(asked.toLowerCase()).toContain('transfer-encoding: chunked');
    expect(asked).toContain(`\r\n\r\n${body}`);
  });
});

test('whatever pieces an origin puts together, the proxy lives and each client is answered or cut off', {
  timeout: 240_000,
}, async () => {
  const dice = random(printedSeed('reverse-proxy'));
  const pieces = [
    ...[
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.1 103 Early Hints\r\n',
      'HTTP/1.1 100 Continue\r\n',
      'HTTP/1.0 500 \r\n',
    ],
    ...['HTTP/1.1 204 No\r\n', 'HTTP/1.1 304 \x01\r\n', 'HTTP/1.1 199 X\r\n', 'HTTP/1.1 999 \xe9\r\n'],
    ...[
      'Link: <a>; rel=preload, <b>\r\n',
      'Connection: close, etag\r\n',
      'ETag: "\xff"\r\n',
      'Vary: *, ,\r\n',
    ],
    ...['Cache-Control: max-age=60, ="\r\n', 'Date: never\r\n', 'Age: -1\r\n', 'Content-Type: ;;=\r\n'],
    ...[
      'Content-Length: 4\r\n',
      'Transfer-Encoding: chunked\r\n',
      'Content-Encoding: gzip\r\n',
      'Trailer: a\r\n',
    ],
    ...[
      'Set-Cookie: a=b\r\n',
      'Location: http://[\r\n',
      'Content-Range: bytes 9-1/2\r\n',
      '__proto__: {}\r\n',
    ],
    ...[
      '\r\n',
      '\r\n\r\n',
      '0123',
      '4\r\n0123\r\n',
      '0\r\n\r\n',
      '0\r\nX-T: 1\r\n\r\n',
      '\x00\xff',
      ' : \r\n',
    ],
  ];
  const hostile = (): Script => {
    const text = `${dice.pick(pieces.slice(0, 8))}${Array.from({ length: dice.below(9) }, () => dice.pick(pieces)).join('')}\r\n`;
    const cut = dice.below(text.length + 1);
    const end = dice.pick(['end', 'resetAndDestroy', 'end'] as const);
    return (socket) => {
      socket.write(text.slice(0, cut), 'latin1');
      setImmediate(() => socket.write(text.slice(cut), 'latin1', () => socket[end]()));
    };
  };
  for (let round = 0; round < sized({ quick: 8, full: 120 }); round++) {
    const method = dice.pick(['GET', 'HEAD', 'POST']);
    await Promise.all(Array.from({ length: 10 }, () => through(hostile(), { method })));
  }
});
