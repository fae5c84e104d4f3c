// The two ends of a stream. A stream runs one way.

import { EMPTY, getU32, putU32 } from './bytes.js';
import { CloseCode, Violation, protocolError } from './errors.js';
import { Kind } from './frame.js';
import { Priority } from './header.js';

/** Why a stream takes nothing more: this end stopped it. */
export class Stopped extends Error {
  name = 'Stopped';
}

/** The payload of a Cancel frame. */
function encodeCode(code) {
  if (code === undefined) return EMPTY;
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, code);
  return bytes;
}

/** The sending end. The first bytes open it at the peer. */
export class SendStream {
  #outbound;
  #seq = 0;
  #jobs = [];
  #stopped = null; // Error
  #cancelled = false;

  // Kept by the outbound:
  opened = false;
  ended = false;
  credit = 0;
  hasSlot = false;

  constructor(outbound, id, priority = Priority.Normal) {
    this.#outbound = outbound;
    this.id = id;
    this.priority = priority;
  }

  /** What is being sent. */
  get job() {
    return this.#jobs[0];
  }

  /**
   * Sends the pieces one behind the other, and the end of the stream after them
   * if end is set. The pieces must not change until the promise is settled: that
   * is when the peer's credit and the transport have let all of them go.
   */
  send(pieces, end = false) {
    if (this.#stopped || this.ended) return Promise.reject(this.#stopped ?? new Stopped('the stream has ended'));
    return new Promise((resolve, reject) => {
      const left = pieces.reduce((sum, piece) => sum + piece.length, 0);
      this.#jobs.push({ pieces, index: 0, offset: 0, left, end, resolve, reject });
      this.#outbound.ready(this);
    });
  }

  /** Makes pending and later sends fail. Nothing is said to the peer. */
  stop(error) {
    this.#stopped ??= error;
    const jobs = this.#jobs;
    this.#jobs = [];
    for (const job of jobs) job.reject(this.#stopped);
  }

  /**
   * Gives the stream up and tells the peer, with a code of a call's error if
   * there is one; also after the end, when the peer may still work on it.
   */
  cancel(code) {
    this.stop(new Stopped('the stream was cancelled'));
    this.#outbound.finished(this);
    if (this.#cancelled) return;
    this.#cancelled = true;
    if (this.opened) this.#outbound.control(this.id, Kind.Cancel, encodeCode(code));
  }

  cancelUnlessEnded(code) {
    if (!this.ended) this.cancel(code);
  }

  // What follows is for the outbound.

  nextSeq() {
    return this.#seq++;
  }

  /** Appends the next n bytes of the job to pieces. */
  takeBytes(n, pieces) {
    const job = this.#jobs[0];
    job.left -= n;
    while (n > 0) {
      const piece = job.pieces[job.index];
      const part = piece.subarray(job.offset, job.offset + n);
      if (part.length > 0) pieces.push(part);
      n -= part.length;
      job.offset += part.length;
      if (job.offset === piece.length) {
        job.index++;
        job.offset = 0;
      }
    }
  }

  jobDone() {
    this.#jobs.shift().resolve();
  }
}

/**
 * The receiving end. It passes what arrives to receiver, in order:
 *
 *   data(bytes)    the next bytes, valid during the call
 *   end()          the stream is complete
 *   cancel(code, cause)  it will not be completed, or, after end(), the peer
 *                  wants no result: it cancelled (code may be undefined), or the
 *                  session ended with cause
 *
 * Who has dealt with bytes gives the room back by grant().
 */
export class RecvStream {
  #session;
  #next = 0;
  #ahead = new Map(); // frames whose predecessors are missing, by seq
  #window;
  #pending = 0; // dealt with and not granted yet
  #cancelled = false;

  receiver = null;
  /** The peer has ended or cancelled the stream. */
  ended = false;
  /** This end is done with the stream. */
  released = false;

  constructor(session, id, window) {
    this.#session = session;
    this.id = id;
    this.#window = window;
  }

  /** Allows the peer n more bytes. */
  grant(n) {
    this.#session.grantConnection(n);
    this.#pending += n;
    if (this.ended || this.released || this.#pending < this.#session.limits.streamWindowBytes / 2) return;
    this.#window += this.#pending;
    this.#session.sendCredit(this.id, this.#pending);
    this.#pending = 0;
  }

  /** This end is done with the stream: what still arrives on it is dropped. */
  release() {
    if (this.released) return;
    this.released = true;
    this.dropAhead();
    this.#session.settle(this);
  }

  /** Takes a frame of the stream. Throws a Violation. */
  frame(frame) {
    if (frame.kind === Kind.Cancel) return this.#cancel(frame);
    if (this.ended) throw protocolError(`stream ${this.id}: frame after its end`);
    if (frame.kind === Kind.End && frame.length > 0) throw protocolError(`stream ${this.id}: bytes in its End`);
    this.#window -= frame.length;
    if (this.#window < 0) throw protocolError(`stream ${this.id}: more bytes than were granted`);
    if (frame.seq !== this.#next) return this.#hold(frame);
    this.#deliver(frame);
    for (let held; (held = this.#ahead.get(this.#next)); this.#deliver(held)) {
      this.#ahead.delete(this.#next);
      this.#session.aheadBytes -= held.length;
    }
    return undefined;
  }

  #hold(frame) {
    const { limits } = this.#session;
    if (frame.seq < this.#next || this.#ahead.has(frame.seq)) {
      throw protocolError(`stream ${this.id}: number ${frame.seq} comes twice`);
    }
    if (this.#ahead.size >= limits.maxAheadFrames) {
      throw new Violation(CloseCode.Policy, `stream ${this.id}: more than ${limits.maxAheadFrames} frames ahead, limit maxAheadFrames`);
    }
    if (this.#session.aheadBytes + frame.length > limits.maxAheadBytes) {
      throw new Violation(CloseCode.Policy, `more than ${limits.maxAheadBytes} bytes ahead of missing frames, limit maxAheadBytes`);
    }
    this.#session.aheadBytes += frame.length;
    this.#ahead.set(frame.seq, { ...frame, payload: frame.payload.slice() });
  }

  dropAhead() {
    for (const { length } of this.#ahead.values()) {
      this.#session.aheadBytes -= length;
      this.#session.grantConnection(length);
    }
    this.#ahead.clear();
  }

  #deliver(frame) {
    this.#next++;
    if (frame.kind === Kind.End) {
      if (this.#ahead.size > 0) throw protocolError(`stream ${this.id}: frame after its end`);
      this.#end();
      if (!this.released) this.receiver.end();
      this.#session.settle(this);
      return;
    }
    if (this.released) this.#session.grantConnection(frame.length);
    else if (frame.length > 0) this.receiver.data(frame.payload);
  }

  #cancel(frame) {
    if (this.#cancelled) throw protocolError(`stream ${this.id}: cancelled twice`);
    if (frame.length !== 0 && frame.length !== 4) throw protocolError(`stream ${this.id}: Cancel of ${frame.length} bytes`);
    this.#cancelled = true;
    this.#end();
    this.dropAhead();
    const code = frame.length === 4 ? getU32(frame.payload, 0) : undefined;
    if (!this.released) this.receiver.cancel(code);
    this.#session.settle(this);
  }

  #end() {
    if (this.ended) return;
    this.ended = true;
    this.#session.peerFinished();
  }
}
