/** A run of the publisher: where it begins on the broadcast's clock, and when that was. */
export interface Period {
  /** Seconds from the broadcast's beginning; time off air does not count. */
  readonly start: number;
  /** Milliseconds since the epoch, as EXT-X-PROGRAM-DATE-TIME has it. */
  readonly dateMs: number;
}

/**
 * The broadcast's own clock, which sprite sheets, downloads and links count on, against the dates in its playlists. Playlists
 * of a window begin anywhere, so a player's own time says nothing.
 */
export class MediaClock {
  readonly #periods: readonly Period[];

  /** `periods` in the order of time, at least one. */
  constructor(periods: readonly Period[]) {
    this.#periods = periods;
  }

  /** Seconds for a date. Dates off air are the moment at which the publisher came back. */
  secondsAt(dateMs: number): number {
    const index = this.#last((period) => period.dateMs <= dateMs);
    const period = this.#periods[index]!;
    const seconds = period.start + (dateMs - period.dateMs) / 1000;
    return Math.min(seconds, this.#periods[index + 1]?.start ?? seconds);
  }

  /** The date of a second. */
  dateAt(seconds: number): number {
    const period = this.#periods[this.#last((candidate) => candidate.start <= seconds)]!;
    return period.dateMs + (seconds - period.start) * 1000;
  }

  /** Index of the last period that holds, 0 when none does. */
  #last(holds: (period: Period) => boolean): number {
    let index = this.#periods.length - 1;
    while (index > 0 && !holds(this.#periods[index]!)) index--;
    return index;
  }
}
