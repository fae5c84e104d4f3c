// When to give a call up: its timeout, or an AbortSignal.

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
  #controller = new AbortController();
  #outer;
  #timer;
  #deadline;
  #onAbort = () => this.#fire(aborted(this.#outer));

  /**
   * @param {AbortSignal} [outer]
   * @param {number} [timeoutMs] none when undefined or Infinity
   */
  constructor(outer, timeoutMs = Infinity) {
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}, must be a number from 0`);
    this.#outer = outer;
    if (outer?.aborted) {
      this.#onAbort();
      return;
    }
    outer?.addEventListener('abort', this.#onAbort);
    if (timeoutMs === Infinity) return;
    this.#deadline = performance.now() + timeoutMs;
    const late = () => this.#fire(new RpcError(Code.DeadlineExceeded, `no answer within ${timeoutMs} ms`));
    if (timeoutMs === 0) late();
    else this.#timer = setTimeout(late, Math.min(timeoutMs, MAX_TIMER_MS));
  }

  /** Is aborted, with an RpcError as its reason, when the time has come. */
  get signal() {
    return this.#controller.signal;
  }

  /** How long is left in milliseconds, undefined without a timeout. */
  get remainingMs() {
    return this.#deadline === undefined ? undefined : Math.max(0, this.#deadline - performance.now());
  }

  #fire(error) {
    this.release();
    this.#controller.abort(error);
  }

  /** Ends the watch: the call is over. */
  release() {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}
