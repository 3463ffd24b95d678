import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { closable } from '../../server/closable.js';

test('requests on connections that were not accepted yet are answered before the end', async () => {
  const server = createServer((_req, res) => void res.end('answered'));
  const close = closable(server, { acceptsWaiting: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: 20 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
    return text(socket).catch((error: Error) => error.message);
  });
  // In this very turn: the process has not seen one of them.
  await close();
  for (const answer of await Promise.all(clients)) expect(answer).toContain('answered');
});
