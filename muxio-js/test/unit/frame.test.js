import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { CloseCode, Violation } from '../../src/errors.js';
import { CONNECTION, FrameParser, HEADER_BYTES, Kind, encodeFrame, encodeHeader } from '../../src/frame.js';
import { concat } from '../../src/bytes.js';
import { MessageType, HeaderReader } from '../../src/header.js';

const MAX = 1 << 16;

/** Parses pieces one after the other and returns copies of the frames. */
function parse(pieces, limit = MAX) {
  const frames = [];
  const parser = new FrameParser(limit);
  for (const piece of pieces) {
    parser.push(piece, ({ stream, seq, kind, payload }) => frames.push({ stream, seq, kind, payload: [...payload] }) && undefined);
  }
  return frames;
}

const wanted = [
  { stream: 1, seq: 0, kind: Kind.Open, payload: [1, 2, 3] },
  { stream: 0x80000002, seq: 7, kind: Kind.Data, payload: [] },
  { stream: 1, seq: 1, kind: Kind.End, payload: [] },
  { stream: CONNECTION, seq: 0, kind: Kind.Ping, payload: [8, 7, 6, 5, 4, 3, 2, 1] },
];
const bytes = concat(wanted.map((f) => encodeFrame(f.stream, f.seq, f.kind, Uint8Array.from(f.payload))));

test('a frame is 13 bytes of header and its payload', () => {
  const frame = encodeFrame(0x80000002, 0x01020304, Kind.Data, Uint8Array.of(9, 8));
  assert.deepEqual([...frame], [2, 0, 0, 0, 2, 0, 0, 0x80, 4, 3, 2, 1, 1, 9, 8]);
});

test('frames come out of bytes that are split anywhere', () => {
  for (let i = 0; i <= bytes.length; i++) {
    for (let k = i; k <= bytes.length; k++) {
      assert.deepEqual(parse([bytes.subarray(0, i), bytes.subarray(i, k), bytes.subarray(k)]), wanted, `split at ${i} and ${k}`);
    }
  }
  assert.deepEqual(parse([...bytes].map((b) => Uint8Array.of(b))), wanted, 'byte by byte');
});

test('truncated bytes give the frames that are complete and nothing else', () => {
  for (let n = 0; n < bytes.length; n++) {
    const frames = parse([bytes.subarray(0, n)]);
    assert.deepEqual(frames, wanted.slice(0, frames.length));
    assert.ok(frames.length < wanted.length);
  }
});

test('the parser stops when it is told to', () => {
  const seen = [];
  new FrameParser(MAX).push(bytes, ({ kind }) => {
    seen.push(kind);
    return seen.length < 2;
  });
  assert.deepEqual(seen, [Kind.Open, Kind.Data]);
});

test('a frame at the size limit passes, one beyond is refused by its header', () => {
  assert.equal(parse([encodeFrame(1, 0, Kind.Open, new Uint8Array(100))], 100).length, 1);
  const header = encodeHeader(101, 1, 0, Kind.Open);
  for (let split = 0; split <= HEADER_BYTES; split++) {
    assert.throws(
      () => parse([header.subarray(0, split), header.subarray(split)], 100),
      (error) => error instanceof Violation && error.code === CloseCode.TooBig,
    );
  }
});

test('a frame of any other kind is refused', () => {
  const known = new Set(Object.values(Kind));
  for (let kind = 0; kind < 256; kind++) {
    const read = () => parse([encodeFrame(1, 0, kind)]);
    if (known.has(kind)) assert.equal(read().length, 1);
    else assert.throws(read, (error) => error instanceof Violation && error.code === CloseCode.ProtocolError, `kind ${kind}`);
  }
});

test('frames that programs of the original implementation exchanged', async () => {
  const lines = (await readFile(new URL('../../../muxio/testdata/captured-13.jsonl', import.meta.url), 'utf8')).trim().split('\n');
  const parsers = { initiator: new FrameParser(MAX), responder: new FrameParser(MAX) };
  const calls = new Map();
  let answered = 0;
  let count = 0;
  for (const line of lines) {
    const { from, message } = JSON.parse(line);
    parsers[from].push(new Uint8Array(Buffer.from(message, 'hex')), (frame) => {
      count++;
      assert.equal(frame.stream >= 0x80000000, from === 'responder');
      if (frame.kind !== Kind.Open) return;
      const header = new HeaderReader().push(frame.payload);
      if (header.type === MessageType.Call) calls.set(header.request, header.method);
      else if (calls.get(header.request) === header.method) answered++;
    });
  }
  assert.ok(count >= lines.length);
  assert.ok(answered > 10 && calls.size >= answered, `${answered} of ${calls.size} calls are answered`);
});
