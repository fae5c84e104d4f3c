import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';

import { byteStreamTransport, connect } from '../../src/index.js';
import { PageWebSocket, WebSocket } from '../websocket.js';
import { startPeer } from './peer.js';
import { run, tests } from './suite.js';

const TIMEOUT_MS = 60_000;

let peer;
before(async () => {
  peer = await startPeer();
});
after(() => peer.stop());

async function tcp() {
  const [host, port] = peer.address.split(':');
  const socket = connectSocket(Number(port), host);
  await once(socket, 'connect');
  return byteStreamTransport(Duplex.toWeb(socket));
}

const links = {
  'a WebSocket': { WebSocket },
  'a WebSocket as in a page': { WebSocket: PageWebSocket },
  'a stream of bytes': { transport: tcp },
};

for (const [link, options] of Object.entries(links)) {
  describe(`against the Go peer over ${link}`, () => {
    for (const [name, fn] of Object.entries(tests)) {
      if (options.transport && name === 'an address that is no server') continue; // it is about URLs
      test(name, { timeout: TIMEOUT_MS }, () => run(fn, connect, peer.url, options));
    }
  });
}
