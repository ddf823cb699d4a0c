import { parseSprites, spriteAt } from './sprites.ts';
import type { Sprite } from './sprites.ts';

/** A live broadcast has a new tile every ten seconds by default; nobody sees what is younger in a tile. */
const freshMs = 10_000;
const timeoutMs = 8000;

/** The tiles of one broadcast, asked for when somebody points at the bar and not before. */
export class SpriteSource {
  readonly #url: string;
  #sprites: readonly Sprite[] = [];
  #askedAt = -Infinity;
  #asking = false;
  #isFinal = false;

  constructor(broadcast: string) {
    this.#url = `/b/${broadcast}/sprites.vtt`;
  }

  /** The tile for a moment of the broadcast, of those known so far. */
  at(seconds: number): Sprite | null {
    return spriteAt(this.#sprites, seconds);
  }

  /** Asks again if what is known may be old, once at a time. `live`: more tiles may come. */
  async refresh(live: boolean): Promise<void> {
    const now = performance.now();
    if (this.#asking || this.#isFinal || now - this.#askedAt < freshMs) return;
    this.#asking = true;
    this.#askedAt = now;
    try {
      const response = await fetch(this.#url, { signal: AbortSignal.timeout(timeoutMs) });
      if (!response.ok) return;
      this.#sprites = parseSprites(await response.text(), new URL(this.#url, location.href).href);
      this.#isFinal = !live;
    } catch {
      // A bar without pictures is a bar.
    } finally {
      this.#asking = false;
    }
  }
}
