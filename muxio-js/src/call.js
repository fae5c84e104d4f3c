// Own calls: what they send, and what takes their responses.

import { EMPTY } from './bytes.js';
import { Code, RpcError, unavailable } from './errors.js';
import { GiveUp } from './giveup.js';
import { MessageType, Status, encodeFields, encodeHeader, methodId } from './header.js';
import { Collector } from './inbox.js';
import { MAX_ERROR_BYTES, failure } from './wireerror.js';

/** The error of a call whose response was cancelled by the peer, or cut by the end of the connection. */
export function responseCut(code, cause) {
  if (cause) return unavailable(cause);
  return new RpcError(code ?? Code.Unavailable, 'the peer gave up answering');
}

/**
 * What all calls have in common. A call begins when a connection is there, and
 * is over once: with its outcome, when it is given up, or with the connection.
 * Subclasses have ended(error) and respondOK(stream).
 */
export class OutgoingCall {
  #options;
  #giveUp;
  #dropCollected;
  connection = null;
  out = null; // SendStream of the request
  stream = null; // RecvStream of the response
  over = false;
  error; // why the call failed

  /** @param {object} options those of the call, see index.d.ts, with a Metadata */
  constructor(method, options) {
    this.method = methodId(method);
    this.#options = options;
  }

  /**
   * Sends the header and the pieces behind it as soon as acquire() gives a
   * connection. Resolves when they are sent, rejects with why they are not.
   * sizeBytes is their size if they are the only message.
   */
  async begin(acquire, pieces, end, sizeBytes) {
    try {
      this.#giveUp = new GiveUp(this.#options.signal, this.#options.timeoutMs, (error) => this.fail(error));
      if (this.over) throw this.error;
      const connection = acquire(this.#giveUp);
      this.connection = connection instanceof Promise ? await connection : connection;
      if (this.over) throw this.error;
      this.out = this.connection.openCall(this, this.#options.priority);
      const fields = encodeFields({ ...this.#options, sizeBytes, timeoutMs: this.#giveUp.remainingMs });
      const header = encodeHeader({ type: MessageType.Call, request: this.out.id, method: this.method, fields });
      await this.out.send([header, ...pieces], end);
    } catch (error) {
      if (!this.over) this.fail(this.connection?.cause ? unavailable(this.connection.cause) : error);
      throw this.error ?? error;
    }
  }

  /** Takes the header of the response; returns what takes the rest. */
  respond({ status, metadata }, stream) {
    this.stream = stream;
    try {
      this.#options.onMetadata?.(metadata);
    } catch (error) {
      this.fail(error);
    }
    if (status === Status.OK) return this.respondOK(stream);
    return this.collect(stream, MAX_ERROR_BYTES, (payload) => this.finish(failure(status, payload)));
  }

  /** Returns what takes a stream of up to limit bytes as one message. */
  collect(stream, limit, done) {
    const collector = new Collector(this.connection.budget, limit);
    this.#dropCollected = () => collector.drop();
    return {
      data: (bytes) => {
        stream.grant(bytes.length);
        try {
          collector.add(bytes);
        } catch (error) {
          this.fail(error);
        }
      },
      end: () => done(collector.take()),
      cancel: (code, cause) => this.finish(responseCut(code, cause)),
    };
  }

  /** Gives the call up with error, here and at the peer. */
  fail(error) {
    if (this.over) return;
    this.finish(error, error instanceof RpcError ? error.code : Code.Canceled);
  }

  /**
   * The call is over: with success, or with an error. What the peer still waits
   * for is cancelled, also a request that has ended if there is a code.
   */
  finish(error, code) {
    if (this.over) return;
    this.over = true;
    this.error = error;
    this.#giveUp?.release();
    if (this.out) this.connection.forget(this);
    this.#dropCollected?.();
    this.ended(error);
    this.stream?.release();
    if (code === undefined) this.out?.cancelUnlessEnded();
    else this.out?.cancel(code);
  }
}

/** A call with one message each way. */
export class UnaryCall extends OutgoingCall {
  #resolve;
  #reject;
  #response = EMPTY;

  /** Makes the call and resolves to the bytes of the response. */
  static run(acquire, method, request, options) {
    const call = new UnaryCall(method, options);
    return new Promise((resolve, reject) => {
      call.#resolve = resolve;
      call.#reject = reject;
      call.begin(acquire, [request], true, request.length).catch(() => {}); // the call has failed
    });
  }

  respondOK(stream) {
    return this.collect(stream, this.connection.limits.maxMessageBytes, (payload) => {
      this.#response = payload;
      this.finish();
    });
  }

  ended(error) {
    if (error) this.#reject(error);
    else this.#resolve(this.#response);
  }
}
