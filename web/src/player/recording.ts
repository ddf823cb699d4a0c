import type { BroadcastInfo } from '../api.ts';
import type { Engine } from './engine.ts';
import { MediaClock } from './media-clock.ts';

/** What can be rewound to is asked for anew so often: in a window the beginning moves. */
const describeEveryMs = 30_000;

/** What the server says of the broadcast that is played: what can be rewound to, and its clock against the media element's. */
export class Recording {
  #info: BroadcastInfo | null = null;
  #clock: MediaClock | null = null;
  #describedAt = -Infinity;

  /** Null before the server has described it. */
  get info(): BroadcastInfo | null {
    return this.#info;
  }

  get rewinds(): boolean {
    return this.#info?.rewinds === true;
  }

  /** Seconds on the broadcast's clock where it can be rewound to; null when not known. */
  get rewindableFrom(): number | null {
    return this.#info?.rewindableFrom ?? null;
  }

  /** Dates of its playlists can be told as seconds on its clock. */
  get hasClock(): boolean {
    return this.#clock !== null;
  }

  /** Whether what is known of the broadcast `id` is recent. */
  knows(id: string): boolean {
    return this.#info?.id === id && performance.now() - this.#describedAt < describeEveryMs;
  }

  learn(info: BroadcastInfo): void {
    // A replay that nobody watches has no clock; what is known of it stays known.
    if (this.#info?.id === info.id && info.periods.length === 0) {
      const { rewindableFrom, periods } = this.#info;
      this.#info = { ...info, rewindableFrom, periods };
      return;
    }
    this.#info = info;
    this.#clock = info.periods.length > 0 ? new MediaClock(info.periods) : null;
    if (info.periods.length > 0) this.#describedAt = performance.now();
  }

  /** A moment in the element's time as seconds on the broadcast's clock; null while the engine has nothing. */
  secondOf(engine: Engine | null, position: number): number | null {
    const range = engine?.range() ?? null;
    if (engine === null || range === null) return null;
    const dateMs = engine.dateAt(position);
    if (dateMs !== null && this.#clock !== null) return this.#clock.secondsAt(dateMs);
    return position - range.start + (this.rewindableFrom ?? 0);
  }

  /** The way back. */
  positionOf(engine: Engine | null, seconds: number): number | null {
    const range = engine?.range() ?? null;
    if (engine === null || range === null) return null;
    const position = this.#clock === null ? null : engine.positionAt(this.#clock.dateAt(seconds));
    return position ?? seconds - (this.rewindableFrom ?? 0) + range.start;
  }
}
