// Two transports in memory that are connected to each other, and a peer that
// says what a test tells it to.

import { putU32 } from '../src/bytes.js';
import { DEFAULT_LIMITS } from '../src/limits.js';
import { CONNECTION, FrameParser, Kind, encodeFrame } from '../src/frame.js';
import { encodeSettings } from '../src/settings.js';

class End {
  peer;
  sent = []; // messages of this end
  gate; // a promise that send returns: the session waits for it
  onClose = () => {};
  #receiver = null;
  #arrived = [];
  #closed = false;

  start(receiver) {
    this.#receiver = receiver;
    this.#deliverLater();
  }

  send(message) {
    if (this.#closed) return undefined;
    this.sent.push(message);
    this.peer.arrive((to) => to.message(message));
    return this.gate;
  }

  close(code, reason, goodbye) {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose({ code, reason, goodbye });
    this.arrive((to) => to.closed({ code, reason }));
    this.peer.arrive((to) => to.closed({ code, reason }));
  }

  arrive(event) {
    this.#arrived.push(event);
    this.#deliverLater();
  }

  #deliverLater() {
    queueMicrotask(() => {
      while (this.#receiver && this.#arrived.length > 0) this.#arrived.shift()(this.#receiver);
    });
  }
}

/** Returns two transports, the ends of one connection. */
export function pipe() {
  const [a, b] = [new End(), new End()];
  a.peer = b;
  b.peer = a;
  return [a, b];
}

/** A peer made of bytes: it sends what it is told to and keeps what it gets. */
export class RawPeer {
  frames = []; // received and not taken by next
  #waiting = [];
  #transport;
  closed; // resolves to { code, reason } of the other end

  constructor(transport) {
    this.#transport = transport;
    const parser = new FrameParser(1 << 24);
    this.closed = new Promise((resolve) => {
      transport.start({
        message: (bytes) => parser.push(bytes, (frame) => this.#take({ ...frame, payload: frame.payload.slice() })),
        closed: resolve,
      });
    });
  }

  #take(frame) {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(frame);
    else this.frames.push(frame);
  }

  /** Resolves to the next frame. */
  next() {
    const frame = this.frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves to the next frame of a kind; what comes before is dropped. */
  async nextOf(kind) {
    for (;;) {
      const frame = await this.next();
      if (frame.kind === kind) return frame;
    }
  }

  bytes(bytes) {
    this.#transport.send(bytes);
  }

  frame(stream, seq, kind, payload) {
    this.bytes(encodeFrame(stream, seq, kind, payload));
  }

  settings(limits = {}) {
    this.frame(CONNECTION, 0, Kind.Settings, encodeSettings({ ...DEFAULT_LIMITS, ...limits }));
  }

  credit(stream, bytes) {
    this.frame(stream, 0, Kind.Credit, u32(bytes));
  }

  close(code, reason) {
    this.#transport.close(code, reason);
  }
}

export function u32(value) {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}

/** Resolves to the next event of a type. */
export const event = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));

/** Resolves when everything that waits for nothing but this program has happened. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
