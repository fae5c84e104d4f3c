// The transport over a WebSocket: the browser's, or any with its interface.

import { CloseCode, Code, RpcError } from './errors.js';

/** The subprotocol that both ends must agree on. */
export const SUBPROTOCOL = 'muxio.v1';

/** Beyond as many bytes that the WebSocket has not sent, the session waits. */
export const MAX_BUFFERED_BYTES = 1 << 20;
/** A WebSocket does not tell when it has sent them: it is asked after as many milliseconds. */
const POLL_MS = 5;

/** Pages may close with 1000 and codes from 3000 on only: other codes go as this much more. */
export const PAGE_CODE_OFFSET = 3000;

const NO_STATUS = 1005;
const CONNECTING = 0;
const OPEN = 1;

/**
 * Opens a WebSocket. Rejects with an RpcError.
 * @param {string | URL} url
 * @param {{ WebSocket?: Function, timeoutMs: number, signal?: AbortSignal }} options
 */
export function openWebSocket(url, { WebSocket = globalThis.WebSocket, timeoutMs, signal }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw canceled(signal);
    const socket = new WebSocket(url, [SUBPROTOCOL]);
    socket.binaryType = 'arraybuffer';
    const transport = new WebSocketTransport(socket);
    const settle = (error) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.removeEventListener('open', onOpen);
      socket.removeEventListener('close', onClose);
      if (!error) {
        resolve(transport);
        return;
      }
      transport.close(CloseCode.Normal, '');
      reject(error);
    };
    const onOpen = () => {
      const agreed = socket.protocol === SUBPROTOCOL;
      settle(agreed ? undefined : new RpcError(Code.Unavailable, `the server does not speak ${SUBPROTOCOL}`));
    };
    const onClose = ({ code, reason }) => settle(new RpcError(Code.Unavailable, `cannot connect (${code})${reason ? `: ${reason}` : ''}`));
    const onAbort = () => settle(canceled(signal));
    const timer = setTimeout(() => settle(new RpcError(Code.Unavailable, `no connection within ${timeoutMs} ms`)), timeoutMs);
    socket.addEventListener('open', onOpen);
    socket.addEventListener('close', onClose);
    signal?.addEventListener('abort', onAbort);
  });
}

function canceled(signal) {
  return signal.reason instanceof RpcError ? signal.reason : new RpcError(Code.Canceled, 'connecting was aborted', { cause: signal.reason });
}

class WebSocketTransport {
  #socket;
  #receiver = null;
  #early = []; // what arrived before start

  constructor(socket) {
    this.#socket = socket;
    const deliver = (event) => (this.#receiver ? event(this.#receiver) : this.#early.push(event));
    socket.addEventListener('message', ({ data }) => deliver((to) => to.message(typeof data === 'string' ? data : new Uint8Array(data))));
    socket.addEventListener('close', ({ code, reason }) => {
      deliver((to) => to.closed({ code: code === NO_STATUS ? CloseCode.Normal : code, reason }));
    });
    socket.addEventListener('error', () => {}); // a close event follows and says more
  }

  start(receiver) {
    queueMicrotask(() => {
      this.#receiver = receiver;
      for (const event of this.#early) event(receiver);
      this.#early = [];
    });
  }

  send(message) {
    if (this.#socket.readyState !== OPEN) return undefined; // closed() tells
    this.#socket.send(message);
    return this.#socket.bufferedAmount > MAX_BUFFERED_BYTES ? this.#sent() : undefined;
  }

  /** Resolves when there is room for more. */
  #sent() {
    return new Promise((resolve) => {
      const ask = () => {
        if (this.#socket.readyState !== OPEN || this.#socket.bufferedAmount <= MAX_BUFFERED_BYTES) resolve();
        else setTimeout(ask, POLL_MS);
      };
      setTimeout(ask, POLL_MS);
    });
  }

  close(code, reason, goodbye) {
    if (this.#socket.readyState > OPEN) return;
    try {
      this.#socket.close(code, reason);
    } catch {
      if (goodbye && this.#socket.readyState !== CONNECTING) this.#socket.send(goodbye); // carries the code itself
      this.#socket.close(PAGE_CODE_OFFSET + code, reason);
    }
  }
}
