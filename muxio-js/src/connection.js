// A connection: calls in both directions over one session.

import { answer } from './answer.js';
import { Caller } from './caller.js';
import { CloseCode, Code, RpcError, Violation, unavailable } from './errors.js';
import { HeaderReader, MessageType, parseResponseFields } from './header.js';
import { Budget } from './inbox.js';
import { withDefaults } from './limits.js';
import { routesOf } from './route.js';
import { Session } from './session.js';

/** How long close() waits for the transport to end, in milliseconds. */
export const CLOSE_TIMEOUT_MS = 2000;

const DEFAULT_KEEP_ALIVE = Object.freeze({ intervalMs: 15_000, timeoutMs: 15_000 });

export class Connection extends Caller {
  #session;
  #options;
  #calls = new Map(); // own calls by request id
  #running = 0; // calls of the peer
  #refusals = 0; // refusals that are not sent yet
  #goneAway = false; // the peer accepts no new calls
  #draining = null; // the text with which this end accepts none
  #keepAlive;
  #now;

  /**
   * @param transport see index.d.ts; the connection owns it
   * @param {object} [options] see index.d.ts
   */
  constructor(transport, options = {}) {
    super();
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.limits = withDefaults(options.limits);
    this.routes = routesOf(options.handlers, options.codec);
    this.budget = new Budget(this.limits.maxBufferedBytes);
    this.callDefaults = { codec: options.codec, timeoutMs: options.timeoutMs };
    this.#session = new Session(transport, {
      initiator: options.initiator ?? true,
      limits: this.limits,
      now: this.#now,
      on: {
        accept: (stream) => this.#accept(stream),
        goingAway: (reason) => this.#goingAway(reason),
        ended: (cause) => this.#ended(cause),
      },
    });
    this.#startKeepAlive(options.keepAlive ?? DEFAULT_KEEP_ALIVE);
  }

  /** "open", "goingaway" or "closed". */
  get state() {
    if (this.#session.cause) return 'closed';
    return this.#goneAway || this.#draining !== null ? 'goingaway' : 'open';
  }

  /** Why the connection ended: a CloseError, null before. */
  get cause() {
    return this.#session.cause;
  }

  acquire() {
    return this;
  }

  /** Measures the time to the peer and back in milliseconds. */
  async ping() {
    try {
      return await this.#session.ping();
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  /** Closes the connection; calls in flight fail. Resolves when the transport has ended. */
  async close({ code = CloseCode.Normal, reason = '' } = {}) {
    this.#session.close(code, reason);
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
    await Promise.race([this.#session.gone, late]);
    clearTimeout(timer);
  }

  /** Accepts no new calls in either direction, waits for those in flight and closes. */
  async shutdown({ reason = 'shutting down', signal } = {}) {
    if (this.cause) return;
    const closed = new Promise((resolve) => this.addEventListener('close', resolve, { once: true }));
    const cut = () => this.#session.close(CloseCode.GoingAway, reason);
    signal?.addEventListener('abort', cut);
    if (this.#draining === null) this.#session.goAway(CloseCode.GoingAway, reason);
    this.#draining ??= reason;
    if (signal?.aborted) cut();
    this.#closeIfIdle();
    await closed;
    signal?.removeEventListener('abort', cut);
    await this.close();
  }

  #goingAway(reason) {
    this.#goneAway = true;
    this.#emit('goingaway', { code: CloseCode.GoingAway, reason });
    this.#closeIfIdle();
  }

  #ended(cause) {
    clearInterval(this.#keepAlive);
    const error = unavailable(cause);
    for (const call of [...this.#calls.values()]) call.finish(error);
    this.#emit('close', { code: cause.code, reason: cause.reason, cause });
  }

  #closeIfIdle() {
    if (this.#calls.size > 0 || this.#running > 0 || this.#refusals > 0) return;
    if (this.#draining !== null) this.#session.close(CloseCode.GoingAway, this.#draining);
    else if (this.#goneAway) this.#session.close(CloseCode.Normal);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Asks a silent peer for a sign of life, and gives it up when none comes. */
  #startKeepAlive(keepAlive) {
    if (!keepAlive) return;
    const { intervalMs, timeoutMs } = { ...DEFAULT_KEEP_ALIVE, ...keepAlive };
    this.#keepAlive = setInterval(() => {
      const silentMs = this.#now() - this.#session.lastHeard;
      if (silentMs >= intervalMs + timeoutMs) this.#session.lost(`nothing was heard from the peer for ${Math.round(silentMs)} ms`);
      else if (silentMs >= intervalMs) this.#session.ping().catch(() => {}); // the session has ended
    }, intervalMs);
    this.#keepAlive.unref?.(); // it keeps no program alive
  }

  /** Takes a stream of the peer: finds out by its header what it is. */
  #accept(stream) {
    const head = new HeaderReader();
    let receiver; // of what follows the header
    return {
      data: (bytes) => {
        if (receiver) return receiver.data(bytes);
        const header = head.push(bytes);
        if (!header) return undefined;
        stream.grant(header.headerBytes);
        receiver = this.#route(header, stream);
        if (!receiver) return stream.release(); // nobody wants this message
        if (header.rest.length > 0) {
          if (stream.released) stream.grant(header.rest.length);
          else receiver.data(header.rest);
        }
        return undefined;
      },
      end: () => (receiver ? receiver.end() : stream.release()),
      cancel: (code, cause) => (receiver ? receiver.cancel(code, cause) : stream.release()),
    };
  }

  /** Only calls are ever answered: a response that nobody waits for is dropped, and so is any other message. */
  #route(header, stream) {
    if (header.type === MessageType.Call) return answer(this, stream, header);
    const call = header.type === MessageType.Response ? this.#calls.get(header.request) : undefined;
    if (!call || call.method !== header.method || call.stream) return undefined;
    let fields;
    try {
      fields = parseResponseFields(header.fields);
    } catch (error) {
      call.fail(error);
      return undefined;
    }
    return call.respond(fields, stream);
  }

  // What follows is for calls.

  /** Makes a call known, and returns the stream of its request. Throws an RpcError. */
  openCall(call, priority) {
    if (this.cause) throw unavailable(this.cause);
    if (this.state === 'goingaway') throw new RpcError(Code.Unavailable, 'the connection accepts no new calls');
    if (this.#calls.size >= this.limits.maxOwnCalls) {
      throw new RpcError(Code.ResourceExhausted, `${this.#calls.size} calls are in flight, limit maxOwnCalls`);
    }
    const id = this.#nextId();
    this.#calls.set(id, call);
    return this.#session.openStream(id, priority);
  }

  #nextId() {
    return this.#session.nextId((id) => this.#calls.has(id));
  }

  forget(call) {
    const { id } = call.out;
    if (this.#calls.get(id) !== call) return;
    this.#calls.delete(id);
    this.#closeIfIdle();
  }

  /** Returns the stream of a response. */
  openAnswer(priority) {
    return this.#session.openStream(this.#nextId(), priority);
  }

  /** Counts a call of the peer in, or returns why it is refused. */
  beginCall() {
    if (this.#draining !== null) return new RpcError(Code.Unavailable, 'this end is shutting down');
    if (this.#running >= this.limits.maxCalls) {
      return new RpcError(Code.ResourceExhausted, `${this.#running} calls are running, limit maxCalls`);
    }
    this.#running++;
    return undefined;
  }

  endCall() {
    this.#running--;
    this.#closeIfIdle();
  }

  /** Sends a refusal. A peer that makes too many of them wait ends the session. */
  sendRefusal(header, payload) {
    if (this.#refusals >= this.limits.maxCalls) {
      this.#session.violate(new Violation(CloseCode.Policy, `${this.#refusals} answers are not read, limit maxCalls`));
      return;
    }
    this.#refusals++;
    const sent = () => {
      this.#refusals--;
      this.#closeIfIdle();
    };
    this.openAnswer().send([header, payload], true).then(sent, sent);
  }

  /** Tells the user, whose own errors must not come back here. */
  handlerFailed(error, method) {
    queueMicrotask(() => this.#options.onHandlerError?.(error, method));
  }
}
