// Answering the calls of the peer.

import { EMPTY } from './bytes.js';
import { Code, RpcError, unavailable } from './errors.js';
import { GiveUp } from './giveup.js';
import { MessageType, Status, encodeHeader, encodeResponseFields, parseFields } from './header.js';
import { CLOSING, Collector, Inbox, sizeMark, tooLong } from './inbox.js';
import { Metadata } from './metadata.js';
import { RouteKind } from './route.js';
import { encodeError } from './wireerror.js';

/**
 * Finds out how a call is answered. Returns what takes its request, undefined
 * when it was refused.
 */
export function answer(connection, stream, header) {
  const route = connection.routes.get(header.method);
  if (!route) return refuse(connection, stream, header, Status.NoMethod);
  let fields;
  try {
    fields = parseFields(header.fields);
  } catch (error) {
    return refuse(connection, stream, header, Status.Failed, encodeError(error));
  }
  const Kind = route.kind === RouteKind.Unary ? UnaryAnswer : StreamAnswer;
  return new Kind(connection, stream, header, fields, route).receiver();
}

/** Answers a call without a handler; the rest of its request is dropped. */
function refuse(connection, stream, header, status, payload = EMPTY) {
  stream.release();
  connection.sendRefusal(responseHeader(header, status), payload);
  return undefined;
}

function responseHeader({ request, method }, status, metadata, sizeBytes) {
  return encodeHeader({ type: MessageType.Response, request, method, fields: encodeResponseFields(status, metadata, sizeBytes) });
}

/** What both kinds of answers have in common. */
class Answer {
  #giveUp;
  #interrupt; // rejects what the answer waits for
  #begun = false; // the header of the response is sent
  over = false;

  constructor(connection, stream, header, fields, route) {
    this.connection = connection;
    this.stream = stream;
    this.header = { request: header.request, method: header.method }; // and not the bytes of it
    this.fields = fields;
    this.route = route;
    this.arrivedAt = performance.now();
  }

  refuse(error) {
    this.over = true;
    refuse(this.connection, this.stream, this.header, Status.Failed, encodeError(error));
  }

  /** Starts the handler, which gets a context and must be waited for by within(). Returns false for a call that is refused. */
  begin() {
    const error = this.connection.beginCall();
    if (error) {
      this.refuse(error);
      return false;
    }
    this.out = this.connection.openAnswer(this.fields.priority);
    const { timeoutMs = Infinity } = this.fields;
    const leftMs = Math.max(0, timeoutMs - (performance.now() - this.arrivedAt)); // the request took its time to arrive
    const giveUp = new GiveUp(undefined, leftMs, (late) => this.#interrupt?.(late));
    this.#giveUp = giveUp;
    this.context = {
      method: this.route.name,
      metadata: this.fields.metadata,
      priority: this.fields.priority,
      responseMetadata: new Metadata(),
      connection: this.connection,
      get signal() {
        return giveUp.signal;
      },
      get remainingMs() {
        return giveUp.remainingMs;
      },
    };
    return true;
  }

  /** Calls work and waits for its promise, or until the call is given up. One at a time. */
  within(work) {
    if (this.#giveUp.error) return Promise.reject(this.#giveUp.error);
    return new Promise((resolve, reject) => {
      this.#interrupt = reject;
      work().then(resolve, reject);
    });
  }

  /** The peer gave the call up, or the connection ended: nothing more is answered. */
  cancel(code, cause) {
    this.over = true;
    const error = cause ? unavailable(cause) : new RpcError(code ?? Code.Canceled, 'the caller gave the call up');
    this.#giveUp?.fire(error);
    this.out?.cancel(code);
    return error;
  }

  /** Sends pieces, behind the header if they are the first. sizeBytes is their size if they are the only message. */
  send(pieces, end, { status = Status.OK, sizeBytes } = {}) {
    if (this.#begun) return this.out.send(pieces, end);
    this.#begun = true;
    return this.out.send([responseHeader(this.header, status, this.context.responseMetadata, sizeBytes), ...pieces], end);
  }

  get begun() {
    return this.#begun;
  }

  decode(codec, message) {
    try {
      return codec.decode(message);
    } catch (cause) {
      throw new RpcError(Code.InvalidArgument, `undecodable message for ${this.route.name}`, { cause });
    }
  }

  encode(value) {
    const message = this.route.codecs.response.encode(value);
    const limit = this.connection.limits.maxMessageBytes;
    if (message.length > limit) throw tooLong(limit);
    return message;
  }

  /** Sends the outcome of the handler unless the call was given up by its caller. */
  async finish(sendOutcome) {
    const late = this.#giveUp.error; // then the outcome is that it was late
    if (!this.over) await (late ? sendOutcome() : this.within(sendOutcome)).catch(() => this.out.cancelUnlessEnded(Code.DeadlineExceeded));
    this.over = true;
    this.#giveUp.release();
    this.stream.release();
  }

  /** The error that the caller gets for what a handler threw, encoded. */
  encodeThrown(thrown) {
    try {
      if (thrown instanceof RpcError) return encodeError(thrown);
    } catch (malformed) {
      thrown = malformed; // details that are no details, for example
    }
    this.connection.handlerFailed(thrown, this.route.name);
    return encodeError(new RpcError(Code.Internal, 'the handler failed'));
  }
}

/** The answer to a call with one message each way. */
class UnaryAnswer extends Answer {
  receiver() {
    const { budget, limits } = this.connection;
    const collector = new Collector(budget, limits.maxMessageBytes);
    return {
      data: (bytes) => {
        this.stream.grant(bytes.length);
        try {
          collector.add(bytes);
        } catch (error) {
          collector.drop();
          this.refuse(error);
        }
      },
      end: () => {
        const request = collector.take();
        if (this.begin()) this.#run(request);
      },
      cancel: (code, cause) => {
        collector.drop();
        this.cancel(code, cause);
        this.stream.release();
      },
    };
  }

  async #run(request) {
    const { handler, codecs } = this.route;
    let handled;
    let message;
    let error;
    try {
      const work = async () => handler(this.decode(codecs.request, request), this.context);
      message = this.encode(await this.within(() => (handled = work())));
    } catch (thrown) {
      if (!this.over) error = this.encodeThrown(thrown);
    }
    await this.finish(() => (error ? this.send([error], true, { status: Status.Failed }) : this.send([message], true, { sizeBytes: message.length })));
    await handled?.catch(() => {}); // a handler that is not done counts as running
    this.connection.endCall();
  }
}

/** The answer to a call with many messages, at least in one direction. */
class StreamAnswer extends Answer {
  #inbox;
  #handled; // what is not done of the handler

  receiver() {
    const { budget, limits } = this.connection;
    this.#inbox = new Inbox(budget, limits.maxMessageBytes);
    this.#inbox.attach((bytes) => this.stream.grant(bytes));
    if (!this.begin()) return undefined;
    this.#run();
    return {
      data: (bytes) => this.#inbox.push(bytes),
      end: () => this.#inbox.end(),
      cancel: (code, cause) => {
        this.#inbox.fail(this.cancel(code, cause));
        this.stream.release();
      },
    };
  }

  async #run() {
    let error;
    try {
      const request = await this.within(() => this.#receive());
      if (request === undefined) throw new RpcError(Code.InvalidArgument, 'the call has no request');
      await this.#handle(this.decode(this.route.codecs.request, request));
    } catch (thrown) {
      if (!this.over) error = this.encodeThrown(thrown);
    }
    await this.finish(() => this.#close(error));
    this.#inbox.fail(new RpcError(Code.Canceled, 'the call is over'));
    await this.#handled;
    this.connection.endCall();
  }

  /** The next message of the request, undefined after the last. */
  async #receive() {
    const next = await this.#inbox.next();
    if (next?.closing) throw new RpcError(Code.InvalidArgument, 'closing mark in a request');
    return next?.message;
  }

  async #handle(request) {
    const { kind, handler } = this.route;
    const args = kind === RouteKind.ServerStream ? [request, this.context] : [request, this.#items(), this.context];
    const result = await this.#watched(async () => handler(...args));
    if (kind === RouteKind.ClientStream) await this.#sendItem(result);
    else await this.#sendAll(result);
  }

  async #sendAll(items) {
    const iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
    try {
      for (;;) {
        const { done, value } = await this.#watched(async () => iterator.next());
        if (done) return;
        await this.#sendItem(value);
      }
    } catch (error) {
      const stopped = (async () => iterator.return?.())(); // so that its finally blocks run
      this.#handled = Promise.all([this.#handled, stopped.catch(() => {})]);
      throw error;
    }
  }

  /** Does work of the handler within the call, and remembers it: until it is done the call counts as running. */
  #watched(work) {
    return this.within(() => {
      const handled = work();
      this.#handled = handled.catch(() => {});
      return handled;
    });
  }

  async #sendItem(value) {
    const message = this.encode(value);
    await this.within(() => this.send([sizeMark(message.length), message], false));
  }

  /** The items of the request. Room for more is granted as they are read. */
  #items() {
    const pull = async (controller) => {
      const message = await this.#receive();
      if (message === undefined) controller.close();
      else controller.enqueue(this.decode(this.route.codecs.item, message));
    };
    return new ReadableStream({ pull }, { highWaterMark: 0 });
  }

  #close(error) {
    if (error && !this.begun) return this.send([error], true, { status: Status.Failed });
    const status = error ? [Uint8Array.of(Status.Failed), error] : [Uint8Array.of(Status.OK)];
    return this.send([CLOSING, ...status], true);
  }
}
