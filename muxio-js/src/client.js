// A client: a connection to an address, and a new one when it is lost.

import { Caller } from './caller.js';
import { CloseCode, CloseError, Code, RpcError, unavailable } from './errors.js';
import { Connection } from './connection.js';
import { withDefaults } from './limits.js';
import { openWebSocket } from './websocket.js';

/** How long one attempt to connect may take, in milliseconds. */
export const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

export const DEFAULT_RECONNECT = Object.freeze({
  minDelayMs: 100,
  maxDelayMs: 10_000,
  factor: 2,
  jitter: 0.3, // the part of a delay that is random
  maxAttempts: Infinity,
  newCalls: 'wait', // or 'fail'
});

/**
 * How long to wait before an attempt, counted from 1.
 * @param {number} random from 0 to 1
 */
export function backoffMs({ minDelayMs, maxDelayMs, factor, jitter }, attempt, random) {
  const full = Math.min(maxDelayMs, minDelayMs * factor ** (attempt - 1));
  return full * (1 - jitter * random);
}

/** Opens a client. The promise is rejected with an RpcError when the first attempt fails, whatever reconnect says. */
export async function connect(url, options = {}) {
  if (!options.transport && !(options.WebSocket ?? globalThis.WebSocket)) {
    throw new TypeError('there is no WebSocket here: pass one as the option WebSocket');
  }
  const client = new Client(url, options);
  await client.open(options.signal);
  return client;
}

class Client extends Caller {
  #url;
  #options;
  #reconnect;
  #connection = null;
  #draining = new Set(); // connections that were replaced and finish their calls
  #waiting = new Set(); // calls that wait for a connection
  #cause = null; // why the client is closed: a CloseError
  #attempt = 0;
  #retry = null; // aborts the wait before an attempt, and the attempt
  #openedAt = 0;

  constructor(url, options) {
    super();
    this.#url = url;
    this.#options = options;
    const { reconnect } = options;
    this.#reconnect = reconnect ? { ...DEFAULT_RECONNECT, ...(reconnect === true ? {} : reconnect) } : null;
    this.limits = withDefaults(options.limits);
    this.callDefaults = { codec: options.codec, timeoutMs: options.timeoutMs };
  }

  /** "open", "goingaway", "reconnecting" or "closed". */
  get state() {
    if (this.#cause) return 'closed';
    return this.#connection?.state ?? 'reconnecting';
  }

  /** Returns the connection if there is one, else a promise of it. */
  acquire(giveUp) {
    if (this.#cause) throw unavailable(this.#cause);
    if (this.#connection) return this.#connection;
    if (this.#reconnect.newCalls === 'fail') throw new RpcError(Code.Unavailable, 'there is no connection at the moment');
    if (this.#waiting.size >= this.limits.maxOwnCalls) {
      throw new RpcError(Code.ResourceExhausted, `${this.#waiting.size} calls wait for a connection, limit maxOwnCalls`);
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiting.add(waiter);
      giveUp.signal.addEventListener('abort', () => {
        this.#waiting.delete(waiter);
        reject(giveUp.error);
      });
    });
  }

  async ping() {
    if (!this.#connection) throw new RpcError(Code.Unavailable, 'there is no connection at the moment');
    return this.#connection.ping();
  }

  /** Closes the client for good; calls in flight fail. Resolves when its connections have ended. */
  async close(options = {}) {
    const { code = CloseCode.Normal, reason = '' } = options;
    const connections = this.#connections();
    this.#end(new CloseError(code, reason, false));
    await Promise.all(connections.map((connection) => connection.close(options)));
  }

  /** Starts no new calls and accepts none, waits for those in flight and closes. */
  async shutdown(options) {
    const connections = this.#connections();
    this.#end(new CloseError(CloseCode.GoingAway, options?.reason ?? 'shutting down', false));
    await Promise.all(connections.map((connection) => connection.shutdown(options)));
  }

  /** Closes the client. The event comes from its connections, if there are any. */
  #end(cause) {
    if (this.#cause) return;
    this.#finish(cause);
    if (this.#connections().length === 0) this.#emitClose(cause, true);
  }

  #connections() {
    return [...this.#draining, ...(this.#connection ? [this.#connection] : [])];
  }

  /** Makes the first connection. For connect(). */
  async open(signal) {
    try {
      this.#use(await this.#dial(signal));
    } catch (error) {
      const failed = error instanceof RpcError ? error : new RpcError(Code.Unavailable, error.message, { cause: error });
      this.#finish(new CloseError(CloseCode.Lost, failed.message, true));
      throw failed;
    }
  }

  async #dial(signal) {
    const { transport } = this.#options;
    if (typeof transport === 'function') return transport(signal);
    if (transport) return transport;
    return openWebSocket(this.#url, {
      WebSocket: this.#options.WebSocket,
      timeoutMs: this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      signal,
    });
  }

  #use(transport) {
    const connection = new Connection(transport, this.#options);
    this.#connection = connection;
    this.#openedAt = performance.now();
    connection.addEventListener('goingaway', ({ detail }) => this.#goingAway(connection, detail));
    connection.addEventListener('close', ({ detail }) => this.#closed(connection, detail.cause));
    for (const { resolve } of this.#waiting) resolve(connection);
    this.#waiting.clear();
    this.#emit('open', { attempt: this.#attempt });
  }

  /** The connection finishes its calls; new ones need another. */
  #goingAway(connection, detail) {
    this.#emit('goingaway', detail);
    if (!this.#reconnect || this.#cause || this.#connection !== connection || connection.cause) return;
    this.#draining.add(connection);
    this.#connection = null;
    this.#retryLater(new CloseError(detail.code, detail.reason, true));
  }

  #closed(connection, cause) {
    const replaced = this.#draining.delete(connection);
    if (!replaced) this.#connection = null;
    const final = this.#cause !== null || !this.#reconnect;
    if (final) this.#finish(cause);
    this.#emitClose(cause, final);
    if (!final && !replaced) this.#retryLater(cause);
  }

  /** Connects anew, after a wait that grows with each attempt that fails or does not last. */
  async #retryLater(cause) {
    if (performance.now() - this.#openedAt >= this.#reconnect.maxDelayMs) this.#attempt = 0;
    this.#retry = new AbortController();
    const { signal } = this.#retry;
    while (!signal.aborted) {
      if (this.#attempt >= this.#reconnect.maxAttempts) {
        this.#end(cause);
        return;
      }
      this.#attempt++;
      const delayMs = backoffMs(this.#reconnect, this.#attempt, Math.random());
      this.#emit('reconnecting', { attempt: this.#attempt, delayMs, cause });
      await delay(delayMs, signal);
      if (signal.aborted) return;
      try {
        const transport = await this.#dial(signal);
        if (!signal.aborted) this.#use(transport);
        else transport.close(CloseCode.Normal, '');
        return;
      } catch (error) {
        cause = new CloseError(CloseCode.Lost, error.message, true);
      }
    }
  }

  #finish(cause) {
    if (this.#cause) return;
    this.#cause = cause;
    this.#retry?.abort();
    for (const { reject } of this.#waiting) reject(unavailable(cause));
    this.#waiting.clear();
  }

  #emitClose(cause, final) {
    this.#emit('close', { code: cause.code, reason: cause.reason, cause, final });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Resolves after ms, or when signal is aborted. */
function delay(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
