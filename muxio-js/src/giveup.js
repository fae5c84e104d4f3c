// When to give a call up: its timeout, an AbortSignal, or because somebody says so.

import { Code, RpcError } from './errors.js';

/** The longest time that a timer of the platform takes, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The error of a call whose signal was aborted. */
function aborted(signal) {
  const cause = signal.reason;
  if (cause instanceof RpcError) return cause;
  if (cause?.name === 'TimeoutError') return new RpcError(Code.DeadlineExceeded, 'the time for the call is over', { cause });
  return new RpcError(Code.Canceled, 'the call was aborted', { cause });
}

export class GiveUp {
  #tell;
  #outer;
  #onAbort;
  #timer;
  #deadline;
  #controller = null;
  /** Why the call is given up: an RpcError, undefined before. */
  error = undefined;

  /**
   * @param {AbortSignal | undefined} outer
   * @param {number} timeoutMs none when Infinity
   * @param {(error: RpcError) => void} tell is called once when the time has come,
   *   which may be before the constructor returns
   */
  constructor(outer, timeoutMs = Infinity, tell = () => {}) {
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}, must be a number from 0`);
    this.#tell = tell;
    if (outer) this.#watch(outer);
    if (timeoutMs === Infinity || this.error) return;
    this.#deadline = performance.now() + timeoutMs;
    const late = () => this.fire(new RpcError(Code.DeadlineExceeded, `no answer within ${timeoutMs} ms`));
    if (timeoutMs === 0) late();
    else this.#timer = setTimeout(late, Math.min(timeoutMs, MAX_TIMER_MS));
  }

  #watch(outer) {
    if (outer.aborted) {
      this.fire(aborted(outer));
      return;
    }
    this.#outer = outer;
    this.#onAbort = () => this.fire(aborted(outer));
    outer.addEventListener('abort', this.#onAbort);
  }

  /** A signal that is aborted with the error. It is made when somebody asks: most calls need none. */
  get signal() {
    this.#controller ??= new AbortController();
    if (this.error) this.#controller.abort(this.error);
    return this.#controller.signal;
  }

  /** How long is left in milliseconds, undefined without a timeout. */
  get remainingMs() {
    return this.#deadline === undefined ? undefined : Math.max(0, this.#deadline - performance.now());
  }

  /** Gives the call up. Only the first time counts. */
  fire(error) {
    if (this.error) return;
    this.error = error;
    this.release();
    this.#controller?.abort(error);
    this.#tell(error);
  }

  /** Ends the watch: the call is over. */
  release() {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}
