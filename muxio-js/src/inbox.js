// Messages out of the bytes of a stream, in two ways: a whole stream as one
// message, or many messages, each behind its size plus one as a uvarint.

import { ByteQueue, MAX_UVARINT_BYTES, readUvarint, uvarint } from './bytes.js';
import { Code, RpcError } from './errors.js';
import { MAX_ERROR_BYTES } from './wireerror.js';

/** Stands for the size of what closes a response: a status and an error. */
export const CLOSING = Uint8Array.of(0);

/** Returns what stands in front of a message of n bytes. */
export const sizeMark = (n) => uvarint(n + 1);

/** Counts the bytes of messages that are not complete, of all calls of a connection together. */
export class Budget {
  #used = 0;
  #limit;

  constructor(limit) {
    this.#limit = limit;
  }

  get used() {
    return this.#used;
  }

  /** Throws an RpcError when n bytes are too many. */
  take(n) {
    if (this.#used + n > this.#limit) {
      throw new RpcError(Code.ResourceExhausted, `unfinished messages of more than ${this.#limit} bytes, limit maxBufferedBytes`);
    }
    this.#used += n;
  }

  give(n) {
    this.#used -= n;
  }
}

/** Collects a message of at most limit bytes. */
export class Collector {
  #queue = new ByteQueue();
  #budget;
  #limit;

  constructor(budget, limit) {
    this.#budget = budget;
    this.#limit = limit;
  }

  /** Appends bytes. Throws an RpcError when they are too many. */
  add(bytes) {
    if (this.#queue.length + bytes.length > this.#limit) throw tooLong(this.#limit);
    this.#budget.take(bytes.length);
    this.#queue.push(bytes);
  }

  /** Returns what was collected and begins anew. */
  take() {
    this.#budget.give(this.#queue.length);
    return this.#queue.takeAll();
  }

  drop() {
    this.#budget.give(this.#queue.length);
    this.#queue.clear();
  }
}

export function tooLong(limit) {
  return new RpcError(Code.ResourceExhausted, `message of more than ${limit} bytes, limit maxMessageBytes`);
}

/**
 * Takes the bytes of a stream and gives them out as messages. Room is granted
 * to the peer only for bytes that somebody asked for, so what is held is
 * bounded by the window of the stream.
 */
export class Inbox {
  #maxMessageBytes;
  #collector;
  #grant = () => {};
  #arrived = new ByteQueue(); // and not taken
  #need = null; // what is left of the present message; null: its size is next
  #closing = false; // the present message is what follows the closing mark
  #ended = false;
  #failed = null;
  #waiter = null;

  constructor(budget, maxMessageBytes) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#collector = new Collector(budget, Infinity);
  }

  /** Says who is told how many bytes were taken. */
  attach(grant) {
    this.#grant = grant;
  }

  get ended() {
    return this.#ended;
  }

  push(bytes) {
    if (this.#failed) return;
    this.#arrived.push(bytes);
    this.#advance();
  }

  end() {
    this.#ended = true;
    this.#advance();
  }

  /** Makes this and every later next() fail. What has arrived is dropped. */
  fail(error) {
    this.#failed ??= error;
    this.#arrived.clear();
    this.#collector.drop();
    this.#advance();
  }

  /**
   * Resolves to the next message, to undefined at the end of the stream. For
   * what follows the closing mark, closing is true. One call at a time.
   * @returns {Promise<{ message: Uint8Array, closing: boolean } | undefined>}
   */
  next() {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#advance();
    });
  }

  #advance() {
    const waiter = this.#waiter;
    if (!waiter) return;
    try {
      if (this.#failed) throw this.#failed;
      const result = this.#read();
      if (result === false) return;
      this.#waiter = null;
      waiter.resolve(result);
    } catch (error) {
      this.#waiter = null;
      if (!this.#failed) this.fail(error);
      waiter.reject(error);
    }
  }

  /** Returns the next message, undefined at the end, false while more must arrive. */
  #read() {
    if (this.#need === null && !this.#readSize()) {
      if (!this.#ended) return false;
      if (this.#arrived.length > 0) throw cutShort();
      return undefined;
    }
    const message = this.#closing ? this.#readClosing() : this.#readMessage();
    if (message === undefined) return false;
    this.#need = null;
    return { message, closing: this.#closing };
  }

  #readMessage() {
    this.#fill();
    if (this.#need === 0) return this.#collector.take();
    if (this.#ended) throw cutShort();
    return undefined;
  }

  #readClosing() {
    this.#fill();
    if (this.#need === 0) throw new RpcError(Code.Internal, `error of more than ${MAX_ERROR_BYTES} bytes from the peer`);
    return this.#ended ? this.#collector.take() : undefined;
  }

  /** Reads the size in front of a message, if it is there. */
  #readSize() {
    const size = readUvarint(this.#arrived.peek(MAX_UVARINT_BYTES), 0);
    if (size === undefined) return false;
    if (size === null) throw new RpcError(Code.Internal, 'malformed size of a message from the peer');
    if (size.value - 1 > this.#maxMessageBytes) throw tooLong(this.#maxMessageBytes);
    this.#skip(size.next);
    this.#grant(size.next);
    this.#closing = size.value === 0;
    this.#need = this.#closing ? 1 + MAX_ERROR_BYTES + 1 : size.value - 1; // a status, an error, and one too many
    return true;
  }

  /** Takes what is there of the present message. */
  #fill() {
    let taken = 0;
    while (this.#need > 0 && this.#arrived.length > 0) {
      const part = this.#arrived.shift(this.#need);
      this.#collector.add(part);
      this.#need -= part.length;
      taken += part.length;
    }
    if (taken > 0) this.#grant(taken);
  }

  #skip(n) {
    while (n > 0) n -= this.#arrived.shift(n).length;
  }
}

function cutShort() {
  return new RpcError(Code.Unavailable, 'the stream ended within a message');
}
