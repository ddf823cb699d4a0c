import type { Engine, EngineEvents } from './engine.ts';

/** `getStartDate` (HTML living standard, media elements): the wall-clock time of position zero. Safari has it. */
interface DatedVideo extends HTMLVideoElement {
  getStartDate?(): Date;
}

/** HLS by the browser itself: iOS without Managed Media Source, and little else. */
export class NativeEngine implements Engine {
  readonly #video: DatedVideo;
  readonly #url: string;
  readonly #listeners = new AbortController();
  #advancedAt = performance.now();
  #end = 0;

  /** `start`: where to begin, seconds from what can be gone back to; null is the live edge. */
  constructor(video: HTMLVideoElement, url: string, events: EngineEvents, start: number | null) {
    this.#video = video;
    this.#url = url;
    const signal = this.#listeners.signal;
    video.addEventListener('error', () => {
      const error = video.error;
      if (!error) return;
      events.note(`native ${error.code} ${error.message}`);
      if (error.code === MediaError.MEDIA_ERR_DECODE) events.mediaError(error.message || 'Decoding failed');
      // SRC_NOT_SUPPORTED also stands for a playlist that could not be loaded; the browser does not tell which.
      else events.failed({ kind: 'network', detail: 'The browser refused the stream' });
    }, { signal });
    video.addEventListener('progress', () => {
      const end = this.#liveEdge();
      if (end !== null && end > this.#end) {
        this.#end = end;
        this.#advancedAt = performance.now();
      }
    }, { signal });
    if (start !== null) {
      video.addEventListener('loadedmetadata', () => {
        const range = this.range();
        if (range !== null) video.currentTime = range.start + start;
      }, { once: true, signal });
    }
    video.src = url;
    video.load();
  }

  destroy(): void {
    this.#listeners.abort();
    this.#video.removeAttribute('src');
    this.#video.load();
  }

  recover(): void {
    this.#video.src = this.#url;
    this.#video.load();
    this.#video.play().catch(() => undefined);
  }

  range(): { start: number; end: number } | null {
    const seekable = this.#video.seekable;
    return seekable.length > 0 ? { start: seekable.start(0), end: seekable.end(seekable.length - 1) } : null;
  }

  isOver(): boolean {
    return Number.isFinite(this.#video.duration);
  }

  dateAt(position: number): number | null {
    const startMs = this.#video.getStartDate?.().getTime();
    return startMs === undefined || Number.isNaN(startMs) ? null : startMs + position * 1000;
  }

  positionAt(dateMs: number): number | null {
    const startMs = this.dateAt(0);
    return startMs === null ? null : (dateMs - startMs) / 1000;
  }

  livePosition(): number | null {
    const edge = this.#liveEdge();
    return edge === null ? null : Math.max(0, edge - 1);
  }

  playingDateMs(): number | null {
    const startMs = this.#video.getStartDate?.().getTime();
    return startMs === undefined || Number.isNaN(startMs) ? null : startMs + this.#video.currentTime * 1000;
  }

  edgeDistanceSeconds(): number | null {
    const edge = this.#liveEdge();
    return edge === null ? null : edge - this.#video.currentTime;
  }

  targetSeconds(): number | null {
    return null;
  }

  advancedAt(): number {
    return this.#advancedAt;
  }

  choose(): void {
    // The browser adapts by itself and offers no choice.
  }

  chosen(): number {
    return -1;
  }

  showing(): number {
    return -1;
  }

  #liveEdge(): number | null {
    const seekable = this.#video.seekable;
    return seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
  }
}
