import { after, before, describe, test } from 'node:test';

import { connect } from '../../src/index.js';
import { PageWebSocket, WebSocket } from '../websocket.js';
import { startPeer } from './peer.js';
import { run, tests } from './suite.js';

let peer;
before(async () => {
  peer = await startPeer();
});
after(() => peer.stop());

describe('against the Go peer', () => {
  for (const [name, fn] of Object.entries(tests)) {
    test(name, { timeout: 60_000 }, () => run(fn, connect, peer.url, { WebSocket }));
  }
});
