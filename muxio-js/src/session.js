// A session: many streams in both directions over one transport.

import { EMPTY, cutText, decodeText, getU32, putU32, viewOf } from './bytes.js';
import { CloseCode, CloseError, MAX_CLOSE_TEXT_BYTES, Violation, protocolError } from './errors.js';
import { CONNECTION, FrameParser, Kind, NO_STREAM, RESPONDER_BIT, encodeFrame, isMisnumbered } from './frame.js';
import { Outbound } from './outbound.js';
import { encodeSettings, parseSettings } from './settings.js';
import { RecvStream, SendStream } from './stream.js';

const PING_BYTES = 8;

/** Milliseconds of a clock that never goes back. */
const clock = () => performance.now();

export class Session {
  #transport;
  #initiator;
  #on;
  #outbound;
  #parser;
  #now;
  #receivers = new Map(); // by id: unfinished, or not released
  #unfinished = 0;
  #newest; // id of the last stream that the peer has opened
  #nextId = 0;
  #settled = false;
  #window;
  #pendingGrant = 0;
  #pings = new Map(); // by token
  #pingToken = 0;
  #pingSecond = -Infinity;
  #pingCount = 0;
  #announced = null; // the last GoAway of the peer: { code, reason }
  #goingAway = false; // it accepts no new calls
  #transportEnded;

  /** Bytes of all streams that are held because earlier ones are missing. */
  aheadBytes = 0;
  /** Why the session ended: a CloseError, null before. */
  cause = null;
  /** When the last bytes of the peer arrived, by the session's clock. */
  lastHeard;
  /** Is resolved when the transport has ended too. */
  gone;

  /**
   * Starts a session over a transport, which it owns from now on.
   *
   * @param transport see index.d.ts
   * @param {{ initiator: boolean, limits: object, now?: () => number, on: object }} options
   *   on has accept(stream), which returns the receiver of a stream that the
   *   peer opens; goingAway(text), once; and ended(cause).
   */
  constructor(transport, { initiator, limits, on, now = clock }) {
    this.#transport = transport;
    this.#initiator = initiator;
    this.limits = limits;
    this.#on = on;
    this.#now = now;
    this.#window = limits.connectionWindowBytes;
    this.lastHeard = now();
    this.#parser = new FrameParser(limits.maxFrameBytes);
    this.#outbound = new Outbound(limits, transport, (error) => this.#failed(error));
    this.gone = new Promise((resolve) => (this.#transportEnded = resolve));
    this.#outbound.control(CONNECTION, Kind.Settings, encodeSettings(limits));
    transport.start({
      message: (bytes) => this.#message(bytes),
      closed: (end) => this.#closed(end),
    });
  }

  /** Returns an id for a stream of this end that neither the peer knows as unfinished nor taken(id) refuses. */
  nextId(taken) {
    for (;;) {
      const id = (this.#nextId | (this.#initiator ? 0 : RESPONDER_BIT)) >>> 0;
      const usable = this.#nextId !== NO_STREAM && !this.#outbound.uses(id) && !taken?.(id);
      this.#nextId = (this.#nextId + 1) % RESPONDER_BIT;
      if (usable) return id;
    }
  }

  openStream(id = this.nextId(), priority) {
    const stream = new SendStream(this.#outbound, id, priority);
    if (this.cause) stream.stop(this.cause);
    return stream;
  }

  /** Measures the time to the peer and back in milliseconds. */
  ping() {
    if (this.cause) return Promise.reject(this.cause);
    return new Promise((resolve, reject) => {
      const payload = new Uint8Array(PING_BYTES);
      const token = BigInt(++this.#pingToken);
      viewOf(payload).setBigUint64(0, token, true);
      this.#pings.set(token, { at: this.#now(), resolve, reject });
      this.#outbound.control(CONNECTION, Kind.Ping, payload);
    });
  }

  /** Tells the peer that this end accepts no new calls. */
  goAway(code, text) {
    this.#outbound.control(CONNECTION, Kind.GoAway, goAwayPayload(code, text));
  }

  /** Ends the session. What waits for nothing but the transport is still sent. */
  close(code = CloseCode.Normal, text = '') {
    this.#end(new CloseError(code, text, false), { flush: true });
  }

  /** Ends the session because of what the peer did. */
  violate(violation) {
    this.#end(new CloseError(violation.code, violation.message, false), {});
  }

  /** Ends the session because the peer is gone. */
  lost(text) {
    this.#end(new CloseError(CloseCode.Lost, text, true), { code: CloseCode.GoingAway });
  }

  #failed(error) {
    if (error instanceof Violation) this.violate(error);
    else this.lost(error.message);
  }

  #closed({ code, reason }) {
    const said = code === undefined ? (this.#announced ?? { code: CloseCode.Lost, reason }) : { code, reason };
    this.#end(new CloseError(said.code, said.reason ?? '', true), {});
    this.#transportEnded();
  }

  #end(cause, { flush = false, code = cause.code }) {
    if (this.cause) return;
    this.cause = cause;
    const reason = decodeText(cutText(cause.reason, MAX_CLOSE_TEXT_BYTES));
    this.#outbound.close(cause, flush);
    for (const { reject } of this.#pings.values()) reject(cause);
    for (const stream of this.#receivers.values()) {
      stream.dropAhead();
      if (!stream.released) stream.receiver.cancel(undefined, cause);
    }
    this.#receivers.clear();
    this.#on.ended(cause);
    this.#transport.close(code, reason, encodeFrame(CONNECTION, 0, Kind.GoAway, goAwayPayload(code, reason)));
  }

  #message(bytes) {
    if (this.cause) return undefined;
    this.lastHeard = this.#now();
    try {
      if (!(bytes instanceof Uint8Array)) throw new Violation(CloseCode.UnsupportedData, 'text message; this connection carries binary messages');
      this.#parser.push(bytes, (frame) => {
        this.#frame(frame);
        return this.cause === null;
      });
    } catch (error) {
      if (error instanceof Violation) return this.violate(error);
      this.violate(new Violation(CloseCode.Internal, 'internal error'));
      throw error; // a defect of this package: it should be seen
    }
    return undefined;
  }

  #frame(frame) {
    if (!this.#settled && frame.kind !== Kind.Settings) throw protocolError('the first frame is not Settings');
    if (isMisnumbered(frame)) throw protocolError(`stream ${frame.stream}: frame of kind ${frame.kind} with the number ${frame.seq}`);
    // A stream that the next frame ends was never unfinished.
    if (this.#unfinished > this.limits.maxStreams && (frame.kind !== Kind.End || frame.stream !== this.#newest)) {
      throw new Violation(CloseCode.Policy, `more than ${this.limits.maxStreams} unfinished streams, limit maxStreams`);
    }
    if (frame.stream === CONNECTION) return this.#connectionFrame(frame);
    if (frame.stream === NO_STREAM || frame.kind > Kind.Credit) {
      throw protocolError(`frame of kind ${frame.kind} for stream ${frame.stream}`);
    }
    const own = frame.stream < RESPONDER_BIT === this.#initiator;
    if (own !== (frame.kind === Kind.Credit)) throw protocolError(`stream ${frame.stream}: frame of kind ${frame.kind} from the wrong end`);
    if (own) return this.#outbound.creditedStream(frame.stream, creditOf(frame));
    this.#window -= frame.kind === Kind.Cancel ? 0 : frame.length;
    if (this.#window < 0) throw protocolError('more bytes than were granted to the connection');
    const stream = this.#receivers.get(frame.stream);
    if (stream) return stream.frame(frame);
    if (frame.kind === Kind.Cancel) return undefined; // both ends finished at the same time
    return this.#accept(frame);
  }

  #accept(frame) {
    const stream = new RecvStream(this, frame.stream, this.limits.streamWindowBytes);
    this.#unfinished++;
    this.#newest = frame.stream;
    this.#receivers.set(frame.stream, stream);
    stream.receiver = this.#on.accept(stream);
    stream.frame(frame);
  }

  #connectionFrame(frame) {
    switch (frame.kind) {
      case Kind.Settings:
        if (this.#settled) throw protocolError('Settings come twice');
        this.#settled = true;
        return this.#outbound.settled(parseSettings(frame.payload));
      case Kind.Credit:
        return this.#outbound.creditedConnection(creditOf(frame));
      case Kind.Ping:
        return this.#pinged(frame);
      case Kind.Pong:
        return this.#ponged(frame);
      case Kind.GoAway:
        return this.#goneAway(frame);
      default:
        throw protocolError(`frame of kind ${frame.kind} for the connection`);
    }
  }

  #pinged({ length, payload }) {
    if (length !== PING_BYTES) throw protocolError(`Ping of ${length} bytes`);
    const now = this.#now();
    if (now - this.#pingSecond >= 1000) {
      this.#pingSecond = now;
      this.#pingCount = 0;
    }
    if (++this.#pingCount > this.limits.maxPingsPerSecond) {
      throw new Violation(CloseCode.Policy, `more than ${this.limits.maxPingsPerSecond} pings in a second, limit maxPingsPerSecond`);
    }
    this.#outbound.control(CONNECTION, Kind.Pong, payload);
  }

  #ponged({ length, payload }) {
    if (length !== PING_BYTES) throw protocolError(`Pong of ${length} bytes`);
    const token = viewOf(payload).getBigUint64(0, true);
    const ping = this.#pings.get(token);
    this.#pings.delete(token);
    ping?.resolve(this.#now() - ping.at);
  }

  #goneAway({ length, payload }) {
    if (length < 2 || length > 2 + MAX_CLOSE_TEXT_BYTES) throw protocolError(`GoAway of ${length} bytes`);
    this.#announced = { code: viewOf(payload).getUint16(0, true), reason: decodeText(payload.subarray(2)) };
    // With another code it is the last word of a stream of bytes, whose end follows.
    if (this.#announced.code !== CloseCode.GoingAway || this.#goingAway) return;
    this.#goingAway = true;
    this.#on.goingAway(this.#announced.reason);
  }

  // What follows is for streams.

  sendCredit(stream, bytes) {
    const payload = new Uint8Array(4);
    putU32(payload, 0, bytes);
    this.#outbound.control(stream, Kind.Credit, payload);
  }

  grantConnection(bytes) {
    this.#pendingGrant += bytes;
    if (this.#pendingGrant < this.limits.connectionWindowBytes / 4) return;
    this.#window += this.#pendingGrant;
    this.sendCredit(CONNECTION, this.#pendingGrant);
    this.#pendingGrant = 0;
  }

  /** Counts a stream that the peer has finished. */
  peerFinished() {
    this.#unfinished--;
  }

  /** Forgets a stream that both ends are done with. */
  settle(stream) {
    if (stream.ended && stream.released && this.#receivers.get(stream.id) === stream) this.#receivers.delete(stream.id);
  }
}

function creditOf({ stream, length, payload }) {
  if (length !== 4) throw protocolError(`stream ${stream}: Credit of ${length} bytes`);
  return getU32(payload, 0);
}

function goAwayPayload(code, text) {
  const reason = text ? cutText(text, MAX_CLOSE_TEXT_BYTES) : EMPTY;
  const payload = new Uint8Array(2 + reason.length);
  viewOf(payload).setUint16(0, code, true);
  payload.set(reason, 2);
  return payload;
}
