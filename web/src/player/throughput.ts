/** Half-lives of the two averages in seconds of media: one notices that the network got worse, one believes that it got better. */
const fastHalfLife = 1;
const slowHalfLife = 5;
/** Less time than this cannot be measured in a page: a part that comes in one piece says no more than that it came quickly. */
const leastSeconds = 0.008;
/** More than this many times its own duration is held against the page (a busy processor) rather than against the network. */
const mostDurations = 2;

/**
 * What the network carries, from the parts and segments that came over it.
 *
 * Averages seconds per bit, each sample weighted by the media in it, so that a network which halves is known after two or
 * three parts. Weighting by the time of the download, as players commonly do, would let one slow second outweigh the
 * next hundred parts: at the live edge a part of a small rendition comes in some milliseconds.
 */
export class Throughput {
  #fast: number;
  #slow: number;
  #samples = 0;

  /** Begins with a guess in bits per second, which the samples outweigh by and by. */
  constructor(guess: number) {
    this.#fast = this.#slow = 1 / guess;
  }

  /** True once there is more than the guess. */
  get isMeasured(): boolean {
    return this.#samples > 0;
  }

  /** The more careful of the two averages, bits per second. */
  get bitsPerSecond(): number {
    return 1 / Math.max(this.#fast, this.#slow);
  }

  /** `bytes` came within `seconds` from the first to the last; they are `mediaSeconds` of picture. */
  observe(bytes: number, seconds: number, mediaSeconds: number): void {
    if (!(bytes > 0 && mediaSeconds > 0)) return;
    const secondsPerBit = Math.min(Math.max(seconds, leastSeconds), mostDurations * mediaSeconds) / (8 * bytes);
    const mix = (before: number, halfLife: number) => {
      const kept = 0.5 ** (mediaSeconds / halfLife);
      return before * kept + secondsPerBit * (1 - kept);
    };
    this.#fast = mix(this.#fast, fastHalfLife);
    this.#slow = mix(this.#slow, slowHalfLife);
    this.#samples++;
  }

  /** Forgets what was: the network carries this much now. */
  assume(bitsPerSecond: number): void {
    this.#fast = this.#slow = 1 / bitsPerSecond;
  }
}
