import assert from 'node:assert/strict';
import { test } from 'node:test';

import { concat, encodeText } from '../../src/bytes.js';
import { CloseCode } from '../../src/errors.js';
import { CONNECTION, Kind, NO_STREAM, encodeFrame } from '../../src/frame.js';
import { Priority } from '../../src/header.js';
import { INITIAL_CONNECTION_CREDIT, MAX_CREDIT, MIN_STREAMS, withDefaults } from '../../src/limits.js';
import { Session } from '../../src/session.js';
import { DEFAULT_SETTINGS, encodeSettings, parseSettings } from '../../src/settings.js';
import { RawPeer, pipe, settled, u32 } from '../pipe.js';

/** A session, the raw peer at its other end, and what the session told. */
function start({ limits = {}, settings = {}, now, keep = true } = {}) {
  const [near, far] = pipe();
  const log = { data: [], ended: [], cancelled: [], streams: [], goneAway: [] };
  const on = {
    accept(stream) {
      log.streams.push(stream);
      return {
        data: (bytes) => {
          log.data.push([stream.id, ...bytes]);
          if (!keep) stream.grant(bytes.length);
        },
        end: () => log.ended.push(stream.id),
        cancel: (code, cause) => log.cancelled.push({ id: stream.id, code, cause }),
      };
    },
    goingAway: (text) => log.goneAway.push(text),
    ended: (cause) => (log.cause = cause),
  };
  const session = new Session(near, { initiator: true, limits: withDefaults(limits), on, now });
  const peer = new RawPeer(far);
  if (settings) peer.settings(settings);
  return { session, peer, log, near, far };
}

const THEIRS = 0x80000000; // a stream of the peer
const K = 1024;

test('Settings are the first frame, with the limits of this end', async () => {
  const { peer } = start({ limits: { maxStreams: 777 } });
  const frame = await peer.next();
  assert.equal(frame.kind, Kind.Settings);
  assert.equal(frame.stream, CONNECTION);
  assert.equal(parseSettings(frame.payload).maxStreams, 777);
});

test('a stream travels in both directions', async () => {
  const { session, peer, log } = start();
  const stream = session.openStream();
  await stream.send([encodeText('ab'), encodeText('c')]);
  await stream.send([encodeText('d')], true);
  await peer.next();
  const [open, data, end] = [await peer.next(), await peer.next(), await peer.next()];
  assert.deepEqual([open.kind, open.stream, open.seq, ...open.payload], [Kind.Open, 0, 0, 97, 98, 99]);
  assert.deepEqual([data.kind, data.seq, ...data.payload], [Kind.Data, 1, 100]);
  assert.deepEqual([end.kind, end.seq, end.length], [Kind.End, 2, 0]);

  peer.frame(THEIRS, 0, Kind.Open, Uint8Array.of(1));
  peer.frame(THEIRS, 1, Kind.Data, Uint8Array.of(2));
  peer.frame(THEIRS, 2, Kind.End);
  await settled();
  assert.deepEqual(log.data, [[THEIRS, 1], [THEIRS, 2]]);
  assert.deepEqual(log.ended, [THEIRS]);
});

test('frames of a stream that arrive out of order are put in order', async () => {
  const { peer, log, session } = start();
  peer.frame(THEIRS, 3, Kind.End);
  peer.frame(THEIRS, 2, Kind.Data, Uint8Array.of(3));
  peer.frame(THEIRS, 1, Kind.Data, Uint8Array.of(2));
  await settled();
  assert.deepEqual(log.data, []);
  peer.frame(THEIRS, 0, Kind.Open, Uint8Array.of(1));
  await settled();
  assert.deepEqual(log.data, [[THEIRS, 1], [THEIRS, 2], [THEIRS, 3]]);
  assert.deepEqual(log.ended, [THEIRS]);
  assert.equal(session.aheadBytes, 0);
});

const open = encodeFrame(THEIRS, 0, Kind.Open, Uint8Array.of(1));
const violations = {
  'another first frame': { first: [open], code: CloseCode.ProtocolError },
  'Settings twice': { frames: [encodeFrame(CONNECTION, 0, Kind.Settings)] },
  'Settings of a stream': { frames: [encodeFrame(THEIRS, 0, Kind.Settings)] },
  'settings below the default': { first: [encodeFrame(CONNECTION, 0, Kind.Settings, encodeSettings({ ...DEFAULT_SETTINGS, maxFrameBytes: 1 }))] },
  'a frame of an unknown kind': { frames: [encodeFrame(THEIRS, 0, 4)] },
  'a frame over the size limit': { frames: [encodeFrame(THEIRS, 0, Kind.Open, new Uint8Array(64 * K + 1))], limits: { maxFrameBytes: 64 * K }, code: CloseCode.TooBig },
  'a stream of this half': { frames: [encodeFrame(0, 0, Kind.Open)] },
  'no stream': { frames: [encodeFrame(NO_STREAM, 0, Kind.Open)] },
  'Open for the connection': { frames: [encodeFrame(CONNECTION, 0, Kind.Open)] },
  'Open with another number': { frames: [encodeFrame(THEIRS, 1, Kind.Open)] },
  'Data with the number of Open': { frames: [encodeFrame(THEIRS, 0, Kind.Data)] },
  'an End that is the first': { frames: [encodeFrame(THEIRS, 0, Kind.End)] },
  'a numbered Cancel': { frames: [open, encodeFrame(THEIRS, 1, Kind.Cancel)] },
  'a numbered Credit': { frames: [encodeFrame(CONNECTION, 1, Kind.Credit, u32(1))] },
  'a numbered Ping': { frames: [encodeFrame(CONNECTION, 1, Kind.Ping, new Uint8Array(8))] },
  'the id of a stream that is held': { frames: [open, encodeFrame(THEIRS, 1, Kind.End), open] },
  'a number twice': { frames: [open, encodeFrame(THEIRS, 0, Kind.Open)] },
  'a number twice, ahead': { frames: [open, encodeFrame(THEIRS, 5, Kind.Data), encodeFrame(THEIRS, 5, Kind.Data)] },
  'bytes in an End': { frames: [open, encodeFrame(THEIRS, 1, Kind.End, Uint8Array.of(1))] },
  'a frame after End': { frames: [open, encodeFrame(THEIRS, 1, Kind.End), encodeFrame(THEIRS, 2, Kind.Data)] },
  'a frame beyond an End': { frames: [open, encodeFrame(THEIRS, 2, Kind.Data), encodeFrame(THEIRS, 1, Kind.End)] },
  'a frame after Cancel': { frames: [open, encodeFrame(THEIRS, 0, Kind.Cancel), encodeFrame(THEIRS, 1, Kind.Data)] },
  'Cancel twice': { frames: [open, encodeFrame(THEIRS, 0, Kind.Cancel), encodeFrame(THEIRS, 0, Kind.Cancel)] },
  'Cancel with half a code': { frames: [open, encodeFrame(THEIRS, 0, Kind.Cancel, new Uint8Array(2))] },
  'Credit of the wrong end': { frames: [open, encodeFrame(THEIRS, 0, Kind.Credit, u32(1))] },
  'Credit of 3 bytes': { frames: [encodeFrame(0, 0, Kind.Credit, new Uint8Array(3))] },
  'too much credit for the connection': { frames: [encodeFrame(CONNECTION, 0, Kind.Credit, u32(MAX_CREDIT - INITIAL_CONNECTION_CREDIT + 1))] },
  'Ping of 7 bytes': { frames: [encodeFrame(CONNECTION, 0, Kind.Ping, new Uint8Array(7))] },
  'Ping of a stream': { frames: [encodeFrame(THEIRS, 0, Kind.Ping, new Uint8Array(8))] },
  'Pong of 9 bytes': { frames: [encodeFrame(CONNECTION, 0, Kind.Pong, new Uint8Array(9))] },
  'GoAway without a code': { frames: [encodeFrame(CONNECTION, 0, Kind.GoAway, new Uint8Array(1))] },
  'GoAway with too long a text': { frames: [encodeFrame(CONNECTION, 0, Kind.GoAway, new Uint8Array(2 + 124))] },
};

for (const [name, { first, frames = [], limits, code = CloseCode.ProtocolError }] of Object.entries(violations)) {
  test(`the connection is closed for ${name}`, async () => {
    const { peer, log, near } = start({ limits, settings: first ? null : {} });
    const refused = new Promise((resolve) => (near.onClose = resolve));
    peer.bytes(concat([...(first ?? []), ...frames]));
    const { code: got, reason } = await refused;
    assert.equal(got, code);
    assert.notEqual(reason, '');
    assert.equal(log.cause.code, code);
    assert.equal(log.cause.remote, false);
  });
}

/** What the peer may send up to a limit, and the frame that is one too many. */
const limits = {
  maxStreams: {
    limits: { maxStreams: MIN_STREAMS },
    fits: [
      ...Array.from({ length: MIN_STREAMS }, (_, i) => encodeFrame(THEIRS + i, 0, Kind.Open)),
      ...[1, 2].flatMap((i) => [encodeFrame(THEIRS + 1000 + i, 0, Kind.Open), encodeFrame(THEIRS + 1000 + i, 1, Kind.End)]), // never unfinished
      encodeFrame(THEIRS, 0, Kind.Cancel),
      encodeFrame(THEIRS + 1, 1, Kind.End),
      encodeFrame(THEIRS + 1, 0, Kind.Cancel), // finished already
      encodeFrame(THEIRS + 2000, 0, Kind.Open),
      encodeFrame(THEIRS + 2001, 0, Kind.Open),
      encodeFrame(THEIRS + 2001, 1, Kind.Data),
    ],
    beyond: concat([encodeFrame(THEIRS + 2002, 0, Kind.Open), encodeFrame(THEIRS, 0, Kind.Cancel)]),
  },
  maxAheadFrames: {
    limits: { maxAheadFrames: 3 },
    fits: [2, 3, 4].map((seq) => encodeFrame(THEIRS, seq, Kind.Data)),
    beyond: encodeFrame(THEIRS, 5, Kind.Data),
  },
  maxAheadBytes: {
    limits: { maxAheadBytes: 100 },
    fits: [encodeFrame(THEIRS, 2, Kind.Data, new Uint8Array(60)), encodeFrame(THEIRS + 1, 2, Kind.Data, new Uint8Array(40))],
    beyond: encodeFrame(THEIRS, 3, Kind.Data, new Uint8Array(1)),
  },
  maxFrameBytes: {
    limits: { maxFrameBytes: 64 * K },
    fits: [encodeFrame(THEIRS, 0, Kind.Open, new Uint8Array(64 * K))],
    beyond: encodeFrame(THEIRS, 1, Kind.Data, new Uint8Array(64 * K + 1)),
    code: CloseCode.TooBig,
  },
  streamWindowBytes: {
    limits: { streamWindowBytes: 256 * K },
    fits: [0, 1, 2, 3].map((seq) => encodeFrame(THEIRS, seq, seq ? Kind.Data : Kind.Open, new Uint8Array(64 * K))),
    beyond: encodeFrame(THEIRS, 4, Kind.Data, new Uint8Array(1)),
    code: CloseCode.ProtocolError,
  },
  connectionWindowBytes: {
    limits: { streamWindowBytes: 1024 * K, connectionWindowBytes: INITIAL_CONNECTION_CREDIT },
    fits: Array.from({ length: 16 }, (_, i) => encodeFrame(THEIRS + i, 0, Kind.Open, new Uint8Array(1024 * K))),
    beyond: encodeFrame(THEIRS + 16, 0, Kind.Open, new Uint8Array(1)),
    code: CloseCode.ProtocolError,
  },
  maxPingsPerSecond: {
    limits: { maxPingsPerSecond: 3 },
    fits: Array(3).fill(encodeFrame(CONNECTION, 0, Kind.Ping, new Uint8Array(8))),
    beyond: encodeFrame(CONNECTION, 0, Kind.Ping, new Uint8Array(8)),
  },
};

for (const [name, { limits: own, fits, beyond, code = CloseCode.Policy }] of Object.entries(limits)) {
  test(`${name}: the limit passes, one beyond closes the connection`, async () => {
    const { peer, log, near } = start({ limits: own, now: () => 0 });
    const refused = new Promise((resolve) => (near.onClose = resolve));
    for (const frame of fits) peer.bytes(frame);
    await settled();
    assert.equal(log.cause, undefined);
    peer.bytes(beyond);
    assert.equal((await refused).code, code);
  });
}

test('pings count anew in each second', async () => {
  let time = 0;
  const { peer, log } = start({ limits: { maxPingsPerSecond: 1 }, now: () => time });
  for (time of [0, 1000, 2000]) {
    peer.frame(CONNECTION, 0, Kind.Ping, new Uint8Array(8));
    await settled();
  }
  assert.equal(log.cause, undefined);
});

test('a peer that does not read what it asks for is closed', async () => {
  const { peer, near, log } = start({ limits: { maxControlBytes: 1024, maxPingsPerSecond: 1000 }, now: () => 0 });
  await settled();
  near.gate = new Promise(() => {}); // the transport takes one more message, and then none
  peer.frame(CONNECTION, 0, Kind.Ping, new Uint8Array(8));
  await settled();
  const pong = 13 + 8;
  for (let i = 0; i < Math.floor(1024 / pong); i++) peer.frame(CONNECTION, 0, Kind.Ping, new Uint8Array(8));
  await settled();
  assert.equal(log.cause, undefined);
  peer.frame(CONNECTION, 0, Kind.Ping, new Uint8Array(8));
  await settled();
  assert.equal(log.cause.code, CloseCode.Policy);
});

test('bytes are granted in steps of half a window and a quarter of the connection window', async () => {
  const window = 256 * K;
  const { peer } = start({ limits: { streamWindowBytes: window, connectionWindowBytes: INITIAL_CONNECTION_CREDIT }, keep: false });
  await peer.next();
  let [seq, sent, forStream, forConnection] = [0, 0, 0, 0];
  while (sent < INITIAL_CONNECTION_CREDIT) {
    peer.frame(THEIRS, seq, seq ? Kind.Data : Kind.Open, new Uint8Array(64 * K));
    seq++;
    sent += 64 * K;
    await settled();
    for (const { kind, stream, payload } of peer.frames.splice(0)) {
      assert.equal(kind, Kind.Credit);
      const bytes = new DataView(payload.buffer).getUint32(0, true);
      if (stream === CONNECTION) {
        assert.ok(bytes >= INITIAL_CONNECTION_CREDIT / 4);
        forConnection += bytes;
      } else {
        assert.equal(stream, THEIRS);
        assert.ok(bytes >= window / 2);
        forStream += bytes;
      }
    }
  }
  assert.equal(forStream, sent);
  assert.equal(forConnection, sent);
});

test('bytes of streams that are dropped are given back to the connection', async () => {
  const { peer, log } = start({ limits: { streamWindowBytes: 1024 * K } });
  await peer.next();
  for (let i = 0; i < 64; i++) {
    peer.frame(THEIRS + i, 0, Kind.Open, Uint8Array.of(1));
    await settled();
    log.streams[i].release();
    peer.frame(THEIRS + i, 1, Kind.Data, new Uint8Array(512 * K));
    peer.frame(THEIRS + i, 2, Kind.End);
    await settled();
  }
  assert.equal(log.cause, undefined, 'twice the window of the connection went through');
  assert.ok(peer.frames.every(({ kind, stream }) => kind === Kind.Credit && stream === CONNECTION));
  assert.ok(peer.frames.length >= 7);
});

test('a sender uses up the credit of its stream and goes on when there is more', async () => {
  const { session, peer } = start({ settings: { streamWindowBytes: 256 * K } });
  await settled();
  const stream = session.openStream();
  let done = false;
  const sent = stream.send([new Uint8Array(300 * K)], true).then(() => (done = true));
  await settled();
  const data = () => peer.frames.filter(({ kind }) => kind === Kind.Open || kind === Kind.Data);
  const total = () => data().reduce((sum, { length }) => sum + length, 0);
  assert.equal(total(), 256 * K);
  assert.ok(data().every(({ length }) => length <= 64 * K));
  assert.equal(done, false);
  peer.credit(0, 10 * K);
  await settled();
  assert.equal(total(), 266 * K);
  assert.equal(done, false);
  peer.credit(0, 34 * K);
  await sent;
  await settled();
  assert.equal(total(), 300 * K);
  assert.equal(peer.frames.at(-1).kind, Kind.End);
});

test('a sender uses up the credit of the connection, and streams that end still end', async () => {
  const { session, peer, log } = start({ settings: { streamWindowBytes: 64 << 20 } });
  await settled();
  const streams = [session.openStream(), session.openStream()];
  const total = () => peer.frames.reduce((sum, { kind, length }) => sum + (kind <= Kind.Data ? length : 0), 0);
  await streams[0].send([Uint8Array.of(1)]);
  const sent = streams[1].send([new Uint8Array(INITIAL_CONNECTION_CREDIT)], true);
  await settled();
  assert.equal(total(), INITIAL_CONNECTION_CREDIT);
  await streams[0].send([], true); // needs no credit
  peer.credit(CONNECTION, 1);
  await sent;
  await settled();
  assert.equal(total(), INITIAL_CONNECTION_CREDIT + 1);
  assert.equal(log.cause, undefined);
});

test('Settings make the windows of open streams and of the connection larger', async () => {
  const { session, peer } = start({ settings: null });
  const stream = session.openStream();
  const sent = stream.send([new Uint8Array(17 << 20)], true);
  await settled();
  const total = () => peer.frames.reduce((sum, { kind, length }) => sum + (kind <= Kind.Data ? length : 0), 0);
  assert.equal(total(), 256 * K);
  peer.settings({ streamWindowBytes: 32 << 20, connectionWindowBytes: 17 << 20 });
  await sent;
  await settled();
  assert.equal(total(), 17 << 20);
});

test('too much credit for a stream closes the connection, the most does not', async () => {
  const { session, peer, log } = start({ settings: { streamWindowBytes: 256 * K } });
  await settled();
  await session.openStream().send([Uint8Array.of(1)]);
  peer.credit(0, MAX_CREDIT - 256 * K + 1);
  await settled();
  assert.equal(log.cause, undefined);
  peer.credit(0, 1);
  await settled();
  assert.equal(log.cause.code, CloseCode.ProtocolError);
});

test('credit and Cancel for streams that are not known are dropped', async () => {
  const { peer, log } = start();
  peer.credit(77, 5);
  peer.frame(THEIRS + 9, 0, Kind.Cancel, u32(1));
  await settled();
  assert.equal(log.cause, undefined);
});

/** Opens as many streams as every peer accepts, which stay unfinished. */
async function fill(session, peer) {
  const full = Array.from({ length: MIN_STREAMS }, () => session.openStream());
  for (const stream of full) await stream.send([Uint8Array.of(1)]);
  await settled();
  peer.frames = [];
  return full;
}

const opened = (peer) => peer.frames.filter(({ kind }) => kind === Kind.Open).map(({ stream }) => stream);

test('streams beyond those that the peer accepts wait, in order', async () => {
  const { session, peer } = start({ settings: { maxStreams: MIN_STREAMS } });
  const full = await fill(session, peer);
  const waiting = [Priority.Low, Priority.Normal, Priority.High, Priority.Normal].map((priority) => session.openStream(undefined, priority));
  const sends = waiting.map((stream) => stream.send([Uint8Array.of(1)]));
  await settled();
  assert.deepEqual(opened(peer), []);
  full[0].cancel();
  await sends[0];
  await settled();
  assert.deepEqual(opened(peer), [waiting[0].id]);
  waiting[1].cancel(); // it was never opened: nothing is said about it
  await assert.rejects(sends[1]);
  void waiting[2].send([], true); // waits with what is before it
  void full[1].send([], true);
  await sends[3];
  await settled();
  assert.deepEqual(opened(peer), [waiting[0], waiting[2], waiting[3]].map(({ id }) => id), 'one of them has ended at once');
  assert.deepEqual(peer.frames.filter(({ kind }) => kind === Kind.Cancel).map(({ stream }) => stream), [full[0].id]);
});

test('what goes out at once needs no slot', async () => {
  const { session, peer } = start({ settings: { maxStreams: MIN_STREAMS } });
  const full = await fill(session, peer);
  for (const size of [0, 1, 64 * K]) await session.openStream().send([new Uint8Array(size)], true);
  await settled();
  assert.equal(opened(peer).length, 3);
  const long = session.openStream();
  const sent = long.send([new Uint8Array(64 * K + 1)], true);
  await settled();
  assert.equal(opened(peer).length, 3);
  full[0].cancel();
  await sent;
  await settled();
  assert.equal(opened(peer).at(-1), long.id);
});

test('a body that lacks credit and a slot goes out as a whole', async () => {
  const { session, peer } = start({ settings: { maxStreams: MIN_STREAMS, streamWindowBytes: 64 << 20 } });
  const full = await fill(session, peer);
  await full[0].send([new Uint8Array(INITIAL_CONNECTION_CREDIT - MIN_STREAMS - 10)]);
  const sent = session.openStream().send([new Uint8Array(20)], true);
  await settled();
  assert.equal(opened(peer).length, 0);
  peer.credit(CONNECTION, 9);
  await settled();
  assert.equal(opened(peer).length, 0);
  peer.credit(CONNECTION, 1);
  await sent;
  await settled();
  assert.equal(opened(peer).length, 1);
});

test('a stream that has a slot and no credit leaves the slot to the next when it is given up', async () => {
  const { session, peer } = start({ settings: { maxStreams: MIN_STREAMS, streamWindowBytes: 64 << 20 } });
  const full = await fill(session, peer);
  await full[0].send([new Uint8Array(INITIAL_CONNECTION_CREDIT - MIN_STREAMS)]);
  full[1].cancel();
  const [first, second] = [session.openStream(), session.openStream()];
  const noCredit = first.send([Uint8Array.of(1)]);
  const noSlot = second.send([]);
  await settled();
  assert.deepEqual(opened(peer), []);
  first.cancel();
  await assert.rejects(noCredit);
  await noSlot;
  await settled();
  assert.deepEqual(opened(peer), [second.id]);
});

test('the end of a session ends the wait for a slot', async () => {
  const { session, peer } = start({ settings: { maxStreams: MIN_STREAMS } });
  await fill(session, peer);
  const sent = session.openStream().send([Uint8Array.of(1)]);
  await settled();
  peer.close(CloseCode.GoingAway, 'tired');
  await assert.rejects(sent, { code: CloseCode.GoingAway });
});

test('streams that are held after their end do not count', async () => {
  const { peer, log } = start({ limits: { maxStreams: MIN_STREAMS } });
  for (let i = 0; i < 2 * MIN_STREAMS; i++) {
    peer.frame(THEIRS + i, 0, Kind.Open);
    peer.frame(THEIRS + i, 1, Kind.Data, Uint8Array.of(1));
    peer.frame(THEIRS + i, 2, Kind.End);
  }
  await settled();
  assert.equal(log.cause, undefined);
  assert.equal(log.ended.length, 2 * MIN_STREAMS);
});

test('the least number of streams is opened before the Settings of the peer', async () => {
  const { session, peer } = start({ settings: null });
  await fill(session, peer);
  for (let i = 0; i < 3; i++) void session.openStream().send([Uint8Array.of(1)]);
  await settled();
  assert.equal(opened(peer).length, 0);
  peer.settings({ maxStreams: MIN_STREAMS + 3 });
  await settled();
  assert.equal(opened(peer).length, 3);
});

test('a higher priority goes first, equal ones take turns', async () => {
  const { session, peer, near } = start();
  await settled();
  let open;
  near.gate = new Promise((resolve) => (open = resolve));
  await session.openStream().send([Uint8Array.of(0)], true); // the transport is busy now
  const send = (priority) => void session.openStream(undefined, priority).send([new Uint8Array(128 * K)], true);
  [Priority.Low, Priority.Normal, Priority.Normal, Priority.High].forEach(send);
  near.gate = undefined;
  open();
  await settled();
  const order = peer.frames.filter(({ kind }) => kind === Kind.Open || kind === Kind.Data).map(({ stream }) => stream);
  assert.deepEqual(order, [0, 4, 4, 2, 3, 2, 3, 1, 1]);
});

test('Cancel carries a code, once, also after the end', async () => {
  const { session, peer, log } = start();
  await settled();
  peer.frames = [];
  const stream = session.openStream();
  await stream.send([Uint8Array.of(1)], true);
  stream.cancel(4);
  stream.cancel(5);
  await settled();
  assert.deepEqual(peer.frames.map(({ kind }) => kind), [Kind.Open, Kind.End, Kind.Cancel]);
  assert.deepEqual([...peer.frames[2].payload], [4, 0, 0, 0]);
  await assert.rejects(stream.send([Uint8Array.of(1)]));

  peer.frame(THEIRS, 0, Kind.Open);
  peer.frame(THEIRS, 1, Kind.End);
  peer.frame(THEIRS, 0, Kind.Cancel, u32(1));
  peer.frame(THEIRS + 1, 0, Kind.Open);
  peer.frame(THEIRS + 1, 0, Kind.Cancel);
  await settled();
  assert.deepEqual(log.cancelled, [{ id: THEIRS, code: 1, cause: undefined }, { id: THEIRS + 1, code: undefined, cause: undefined }]);
});

test('ping measures the round trip by the clock of the session', async () => {
  let time = 5;
  const { session, peer } = start({ now: () => time });
  const rtt = session.ping();
  const { payload, stream } = await peer.nextOf(Kind.Ping);
  assert.equal(stream, CONNECTION);
  time = 47;
  peer.frame(CONNECTION, 0, Kind.Pong, new Uint8Array(8).fill(9)); // of nobody
  peer.frame(CONNECTION, 0, Kind.Pong, payload);
  assert.equal(await rtt, 42);
  peer.frame(CONNECTION, 0, Kind.Ping, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assert.deepEqual([...(await peer.nextOf(Kind.Pong)).payload], [1, 2, 3, 4, 5, 6, 7, 8]);
});

test('GoAway is told once', async () => {
  const { session, peer, log } = start();
  const payload = concat([Uint8Array.of(0xe9, 3), encodeText('bye')]);
  peer.frame(CONNECTION, 0, Kind.GoAway, Uint8Array.of(0xe8, 3)); // 1000: a last word, no announcement
  peer.frame(CONNECTION, 0, Kind.GoAway, payload);
  peer.frame(CONNECTION, 0, Kind.GoAway, payload);
  await settled();
  assert.deepEqual(log.goneAway, ['bye']);
  session.goAway(1001, 'x'.repeat(200));
  const { payload: ours } = await peer.nextOf(Kind.GoAway);
  assert.equal(ours.length, 2 + 123);
});

test('the end of a session is told to everybody who waits', async () => {
  const { session, peer, log } = start({ settings: null });
  peer.settings();
  peer.frame(THEIRS, 0, Kind.Open);
  await settled();
  const waits = [session.openStream().send([new Uint8Array(64 << 20)]), session.ping()];
  for (const wait of waits) wait.catch(() => {});
  await settled();
  peer.close(1011, 'broken');
  for (const wait of waits) await assert.rejects(wait, (error) => error.code === 1011 && error.reason === 'broken' && error.remote);
  assert.equal(log.cancelled[0].cause, log.cause);
  await session.gone;
  await assert.rejects(session.openStream().send([Uint8Array.of(1)]));
  await assert.rejects(session.ping());
});

test('what was sent before close still goes out', async () => {
  const { session, peer } = start();
  await settled();
  void session.openStream().send([encodeText('last words')], true);
  session.close(1000, 'done');
  assert.deepEqual(await peer.closed, { code: 1000, reason: 'done' });
  assert.equal(peer.frames.at(-1).kind, Kind.End);
});

test('a text message closes the connection', async () => {
  const { peer, log } = start();
  peer.bytes('hello');
  await settled();
  assert.equal(log.cause.code, CloseCode.UnsupportedData);
});

test('random bytes never do more than close the connection', async () => {
  let state = 12345;
  const random = (n) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % n;
  const kinds = Object.values(Kind);
  for (let round = 0; round < 300; round++) {
    const { peer, session } = start({ keep: random(2) === 0 });
    for (let i = 0; i < 20; i++) {
      const stream = [THEIRS, THEIRS + 1, 0, CONNECTION][random(4)];
      const frame = encodeFrame(stream, random(4), kinds[random(kinds.length)], Uint8Array.from({ length: [0, 4, 8, random(30)][random(4)] }, () => random(256)));
      if (random(4) === 0) frame[random(frame.length)] = random(256);
      peer.bytes(frame);
    }
    await settled();
    session.close();
    await session.gone;
  }
});
