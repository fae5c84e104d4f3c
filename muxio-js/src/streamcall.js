// Own calls with many messages, at least in one direction.

import { OutgoingCall, responseCut } from './call.js';
import { Code, RpcError } from './errors.js';
import { Inbox, sizeMark, tooLong } from './inbox.js';
import { failure } from './wireerror.js';

/** What follows the closing mark of a response: undefined for success. */
function closingError(message) {
  if (message.length === 0) return new RpcError(Code.Internal, 'the response ended without a status');
  return failure(message[0], message.subarray(1));
}

export class StreamCall extends OutgoingCall {
  #codecs;
  #inbox; // of the response: a promise, for the response may not have begun
  #inboxMade;
  #inboxFailed;
  #arrived = null; // the inbox itself
  #controller = null; // of the WritableStream
  #begun;

  constructor(method, options, codecs) {
    super(method, options);
    this.#codecs = codecs;
    this.#inbox = new Promise((resolve, reject) => {
      this.#inboxMade = resolve;
      this.#inboxFailed = reject;
    });
    this.#inbox.catch(() => {}); // is told to who reads
  }

  /** Starts the call with its first message. end tells that no item follows. */
  start(acquire, request, end) {
    this.#begun = this.begin(acquire, [sizeMark(request.length), request], end);
    this.#begun.catch(() => {}); // is told to who reads or writes
  }

  /** The items of the response. It asks for one when somebody reads. */
  readable() {
    const pull = async (controller) => {
      const message = await this.#read();
      if (message === undefined) controller.close();
      else controller.enqueue(this.#decode(message));
    };
    const cancel = (cause) => this.fail(new RpcError(Code.Canceled, 'the reader cancelled', { cause }));
    return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
  }

  /** Takes the items of the request. A write is done when the peer's credit has let it go. */
  writable() {
    return new WritableStream({
      start: (controller) => {
        this.#controller = controller;
        return this.#begun;
      },
      write: (item) => this.#write(item),
      close: () => this.#send([], true),
      abort: (cause) => this.fail(new RpcError(Code.Canceled, 'the writer aborted', { cause })),
    });
  }

  /** The only item of the response. */
  async response() {
    const message = await this.#read();
    if (message === undefined) throw new RpcError(Code.Internal, 'the response has no message');
    if ((await this.#read()) !== undefined) {
      this.fail(new RpcError(Code.Internal, 'the response has more than one message'));
      throw this.error;
    }
    return this.#decode(message);
  }

  /** Resolves to the next message of the response, to undefined after the last. */
  async #read() {
    let next;
    try {
      next = await (await this.#inbox).next();
    } catch (error) {
      this.fail(error);
      throw this.error;
    }
    if (next && !next.closing) return next.message;
    this.finish(next ? closingError(next.message) : new RpcError(Code.Unavailable, 'the response ended without a status'));
    if (this.error) throw this.error;
    return undefined;
  }

  #decode(message) {
    try {
      return this.#codecs.response.decode(message);
    } catch (cause) {
      const error = new RpcError(Code.Internal, 'undecodable message from the peer', { cause });
      this.fail(error);
      throw error;
    }
  }

  async #write(item) {
    try {
      const message = this.#codecs.item.encode(item);
      if (message.length > this.connection.limits.maxMessageBytes) throw tooLong(this.connection.limits.maxMessageBytes);
      await this.#send([sizeMark(message.length), message], false);
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  async #send(pieces, end) {
    try {
      await this.out.send(pieces, end);
    } catch {
      throw this.error ?? callIsOver();
    }
  }

  respondOK(stream) {
    const { budget, limits } = this.connection;
    const inbox = new Inbox(budget, limits.maxMessageBytes);
    inbox.attach((bytes) => stream.grant(bytes));
    this.#arrived = inbox;
    this.#inboxMade(inbox);
    return {
      data: (bytes) => inbox.push(bytes),
      end: () => {
        inbox.end();
        this.#answered();
      },
      cancel: (code, cause) => {
        if (!inbox.ended) this.finish(responseCut(code, cause)); // a complete response stays what it is
      },
    };
  }

  /** The response is complete, if not yet read: nothing is wanted of the request. */
  #answered() {
    this.connection.forget(this);
    this.#controller?.error(callIsOver());
    this.out.cancelUnlessEnded();
  }

  ended(error) {
    if (error) {
      this.#inboxFailed(error);
      this.#arrived?.fail(error);
    }
    this.#controller?.error(error ?? callIsOver());
  }
}

function callIsOver() {
  return new RpcError(Code.Canceled, 'the call is over: the peer has answered');
}
