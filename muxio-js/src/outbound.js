// The sending side of a session: which bytes of which stream go next.
//
// Streams with bytes to send wait in rings, one for each priority, and give up
// to a frame each in turn; a higher priority goes first. A stream that lacks
// credit waits outside until the peer grants some, and so does one that would be
// unfinished, while the peer accepts no more of those. Frames that must not wait
// (grants, cancellations, pongs) go in front of all others.

import { EMPTY, concat } from './bytes.js';
import { CloseCode, Violation, protocolError } from './errors.js';
import { HEADER_BYTES, Kind, encodeFrame, encodeHeader } from './frame.js';
import { CHUNK_BYTES, INITIAL_CONNECTION_CREDIT, MAX_CREDIT } from './limits.js';
import { DEFAULT_SETTINGS } from './settings.js';

const PRIORITIES = 3;

/** Whether a job is all of its stream and fits one frame: then the stream is never unfinished, and needs no slot. */
const isWhole = (job) => job.end && job.left <= CHUNK_BYTES;

export class Outbound {
  #limits;
  #transport;
  #fail;
  #running = false;
  #closed = null; // Error
  #control = [];
  #controlBytes = 0;
  #rings = Array.from({ length: PRIORITIES }, () => new Set());
  #needSlot = new Set(); // streams that may not open yet, in order
  #needCredit = new Set(); // streams that wait for the connection's credit
  #credit = INITIAL_CONNECTION_CREDIT;
  #slots = 0; // of those that the peer has for unfinished streams: taken by streams that have opened or may
  #streams = new Map(); // by id: opened and unfinished
  #pending = new Set(); // streams with jobs

  /** What the peer announced, or must grant in any case. */
  peer = DEFAULT_SETTINGS;

  /**
   * @param limits those of the session
   * @param transport takes messages
   * @param fail is called with the error of the transport, or a Violation of the peer
   */
  constructor(limits, transport, fail) {
    this.#limits = limits;
    this.#transport = transport;
    this.#fail = fail;
  }

  /** Whether an id belongs to a stream that is unfinished. */
  uses(id) {
    return this.#streams.has(id);
  }

  /** The credit of the connection, in bytes. */
  get credit() {
    return this.#credit;
  }

  /** Takes the settings of the peer. */
  settled(settings) {
    const more = settings.streamWindowBytes - this.peer.streamWindowBytes;
    this.peer = settings;
    this.#credit += settings.connectionWindowBytes - INITIAL_CONNECTION_CREDIT;
    for (const stream of this.#streams.values()) this.#grant(stream, more);
    this.#giveSlots();
    this.#release(this.#needCredit);
    this.#wake();
  }

  /** Takes a grant for a stream; one that has ended needs none. */
  creditedStream(id, bytes) {
    const stream = this.#streams.get(id);
    if (stream) this.#grant(stream, bytes);
  }

  /** Takes a grant for the connection. */
  creditedConnection(bytes) {
    this.#credit += bytes;
    if (this.#credit > MAX_CREDIT) throw protocolError(`the connection was granted ${this.#credit} bytes`);
    this.#release(this.#needCredit);
    this.#wake();
  }

  #grant(stream, bytes) {
    stream.credit += bytes;
    if (stream.credit > MAX_CREDIT) throw protocolError(`stream ${stream.id} was granted ${stream.credit} bytes`);
    this.ready(stream);
  }

  /** Puts a stream that has something to send into its ring. */
  ready(stream) {
    if (this.#closed) return stream.stop(this.#closed);
    if (!stream.job) return undefined;
    this.#pending.add(stream);
    if (this.#needSlot.has(stream)) return undefined;
    if (!stream.opened && !isWhole(stream.job) && !this.#takeSlot(stream)) return void this.#needSlot.add(stream);
    this.#rings[stream.priority].add(stream);
    return this.#wake();
  }

  /** Whether a stream has a slot; it takes one if there is. */
  #takeSlot(stream) {
    if (!stream.hasSlot && this.#slots < this.peer.maxStreams) {
      stream.hasSlot = true;
      this.#slots++;
    }
    return stream.hasSlot;
  }

  /** Gives the slots that there are to the streams that wait for one. */
  #giveSlots() {
    for (const stream of this.#needSlot) {
      if (!this.#takeSlot(stream)) return;
      this.#needSlot.delete(stream);
      this.#rings[stream.priority].add(stream);
    }
  }

  #release(set) {
    for (const stream of set) this.#rings[stream.priority].add(stream);
    set.clear();
  }

  /** Forgets a stream on which nothing follows. */
  finished(stream) {
    this.#pending.delete(stream);
    this.#rings[stream.priority].delete(stream);
    this.#needSlot.delete(stream);
    this.#needCredit.delete(stream);
    if (this.#streams.get(stream.id) === stream) this.#streams.delete(stream.id);
    if (!stream.hasSlot) return;
    stream.hasSlot = false;
    this.#slots--;
    this.#giveSlots();
    this.#wake();
  }

  /** Sends a frame that must not wait. A peer that makes too many of them wait ends the session. */
  control(stream, kind, payload = EMPTY) {
    if (this.#closed) return;
    this.#controlBytes += HEADER_BYTES + payload.length;
    if (this.#controlBytes > this.#limits.maxControlBytes) {
      const text = `peer does not read what it asks for: over ${this.#limits.maxControlBytes} bytes wait, limit maxControlBytes`;
      this.#fail(new Violation(CloseCode.Policy, text));
      return;
    }
    this.#control.push(encodeFrame(stream, 0, kind, payload));
    this.#wake();
  }

  /** Sends what can go now without waiting for the transport, then fails all streams with error. */
  close(error, flush) {
    if (this.#closed) return;
    if (flush) {
      for (let message = this.#gather(); message; message = this.#gather()) this.#transport.send(message);
    }
    this.#closed = error;
    for (const stream of [...this.#pending, ...this.#streams.values()]) stream.stop(error);
    this.#control = [];
  }

  #wake() {
    if (this.#running || this.#closed) return;
    this.#running = true;
    queueMicrotask(() => this.#run());
  }

  /** Sends messages until there is nothing to send, or the transport asks to wait. */
  async #run() {
    try {
      while (!this.#closed) {
        const message = this.#gather();
        if (!message) break;
        const wait = this.#transport.send(message);
        if (wait) await wait;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running = false;
    }
  }

  /** Returns the next message, undefined when there is nothing to send. */
  #gather() {
    const pieces = this.#control;
    let bytes = this.#controlBytes;
    this.#control = [];
    this.#controlBytes = 0;
    while (bytes < this.#limits.maxQueuedBytes) {
      const stream = this.#next();
      if (!stream) break;
      bytes += this.#take(stream, pieces);
    }
    return pieces.length === 0 ? undefined : concat(pieces);
  }

  /** Takes the stream whose turn it is out of its ring. */
  #next() {
    for (let priority = PRIORITIES - 1; priority >= 0; priority--) {
      for (const stream of this.#rings[priority]) {
        this.#rings[priority].delete(stream);
        return stream;
      }
    }
    return undefined;
  }

  /** Adds up to one frame of a stream to pieces, and its End. Returns their size. */
  #take(stream, pieces) {
    const { job } = stream;
    let bytes = 0;
    if (!stream.opened && job.left > this.#credit && !this.#takeSlot(stream)) {
      this.#needCredit.add(stream); // for all of it, since it has no slot
      return 0;
    }
    if (job.left > 0 || !stream.opened) {
      if (job.left > 0 && stream.opened && stream.credit <= 0) return 0; // until the peer grants more
      if (job.left > 0 && this.#credit <= 0) {
        this.#needCredit.add(stream);
        return 0;
      }
      bytes += this.#chunk(stream, pieces);
    }
    if (job.left === 0) {
      if (job.end) {
        pieces.push(encodeFrame(stream.id, stream.nextSeq(), Kind.End));
        bytes += HEADER_BYTES;
        stream.ended = true;
      }
      stream.jobDone();
      if (!stream.job) this.#pending.delete(stream);
      if (stream.ended) this.finished(stream);
    }
    if (stream.job) this.#rings[stream.priority].add(stream);
    return bytes;
  }

  #chunk(stream, pieces) {
    const kind = stream.opened ? Kind.Data : Kind.Open;
    if (!stream.opened) {
      stream.opened = true;
      stream.credit = this.peer.streamWindowBytes;
      this.#streams.set(stream.id, stream);
    }
    const n = Math.min(stream.job.left, CHUNK_BYTES, stream.credit, this.#credit);
    pieces.push(encodeHeader(n, stream.id, stream.nextSeq(), kind));
    stream.takeBytes(n, pieces);
    stream.credit -= n;
    this.#credit -= n;
    return HEADER_BYTES + n;
  }
}
