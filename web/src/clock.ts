/**
 * The server's clock as seen from here, learnt from `Date` headers, so that a viewer's wrong clock does not
 * show as latency.
 *
 * A `Date` header D has whole seconds, and servers renew it about once a second: the server's time lay in [D, D + 2 s) at
 * some moment between our sending and our receiving. Each answer therefore bounds the offset (server minus local); the
 * bounds of many answers are intersected. While zero is possible, the local clock is taken as right; else the lower bound
 * is taken, which comes the nearer to the truth the more answers there are: one of them came just after the header changed.
 */
export class ServerClock {
  #min = -Infinity;
  #max = Infinity;

  /** All in milliseconds since the epoch: the header's value and the local times around the request. */
  observe(serverDateMs: number, sentMs: number, receivedMs: number): void {
    if (!Number.isFinite(serverDateMs) || receivedMs < sentMs) return;
    const min = serverDateMs - receivedMs;
    const max = serverDateMs + 2000 - sentMs;
    if (min > this.#max || max < this.#min) {
      // One of the clocks was set: what was known before is void.
      this.#min = min;
      this.#max = max;
      return;
    }
    this.#min = Math.max(this.#min, min);
    this.#max = Math.min(this.#max, max);
  }

  /** Milliseconds to add to the local time to get the server's. */
  get offsetMs(): number {
    if (this.#min <= 0 && this.#max >= 0) return 0;
    return this.#min;
  }

  /** The server's time for a local time, both in milliseconds since the epoch. */
  toServer(localMs: number): number {
    return localMs + this.offsetMs;
  }
}
