// What makes calls: a connection, or a client that finds one.

import { codecsOf } from './codec.js';
import { Code, RpcError } from './errors.js';
import { Priority } from './header.js';
import { UnaryCall } from './call.js';
import { StreamCall } from './streamcall.js';
import { tooLong } from './inbox.js';
import { Metadata } from './metadata.js';

/** Checks the options of a call and fills in the defaults of who makes it. */
function callOptions(options, defaults) {
  const { metadata, priority = Priority.Normal, timeoutMs = defaults.timeoutMs } = options;
  if (!Object.values(Priority).includes(priority)) throw new RangeError(`priority is ${priority}, must be one of Priority`);
  return {
    ...options,
    timeoutMs,
    priority,
    metadata: metadata === undefined || metadata instanceof Metadata ? metadata : new Metadata(metadata),
  };
}

/**
 * Has the four kinds of calls. A subclass has acquire(giveUp), which returns a
 * connection or a promise of one, callDefaults, and limits.
 */
export class Caller extends EventTarget {
  async call(method, request, options = {}) {
    const codecs = codecsOf(options, this.callDefaults.codec);
    const bytes = this.#checked(codecs.request.encode(request));
    const response = await UnaryCall.run((giveUp) => this.acquire(giveUp), method, bytes, callOptions(options, this.callDefaults));
    try {
      return codecs.response.decode(response);
    } catch (cause) {
      throw new RpcError(Code.Internal, 'undecodable response from the peer', { cause });
    }
  }

  serverStream(method, request, options = {}) {
    return this.#start(method, request, options, true).readable();
  }

  clientStream(method, request, options = {}) {
    const call = this.#start(method, request, options, false);
    const response = call.response();
    response.catch(() => {}); // who does not await it need not hear of it
    return { writable: call.writable(), response };
  }

  bothWays(method, request, options = {}) {
    const call = this.#start(method, request, options, false);
    return { readable: call.readable(), writable: call.writable() };
  }

  #start(method, request, options, end) {
    const codecs = codecsOf(options, this.callDefaults.codec);
    const bytes = this.#checked(codecs.request.encode(request));
    const call = new StreamCall(method, callOptions(options, this.callDefaults), codecs);
    call.start((giveUp) => this.acquire(giveUp), bytes, end);
    return call;
  }

  #checked(request) {
    if (request.length > this.limits.maxMessageBytes) throw tooLong(this.limits.maxMessageBytes);
    return request;
  }
}
