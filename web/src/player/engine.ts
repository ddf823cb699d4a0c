import type { Problem } from './problem.ts';
import type { Quality } from './quality.ts';

/** What an engine tells its owner. It decides nothing about restarts: that is the machine's. */
export interface EngineEvents {
  /** It has given up; the owner detaches it. */
  failed(problem: Problem): void;
  /** Decoding failed; `recover` may help. */
  mediaError(detail: string): void;
  /** The broadcast was over before anything of it was played. */
  alreadyOver(): void;
  qualities(list: readonly Quality[]): void;
  /** Where it plays from now, or may. */
  sources(urls: readonly string[]): void;
  /** For the record of what went wrong, fatal or not. */
  note(detail: string): void;
}

/** Plays one multivariant playlist in one media element, from creation until `destroy`. */
export interface Engine {
  destroy(): void;
  /** Tries to go on after a media error. */
  recover(): void;
  /** What of the media can be gone to, in the element's time, or null while that is not known. */
  range(): { readonly start: number; readonly end: number } | null;
  /** Nothing is added any more: the playlist has its end. */
  isOver(): boolean;
  /** The date of a moment in the element's time, milliseconds since the epoch, and the other way; null when not known. */
  dateAt(position: number): number | null;
  positionAt(dateMs: number): number | null;
  /** Where playback would be if it were live now, in the element's time; null when not known. */
  livePosition(): number | null;
  /** Wall-clock time (EXT-X-PROGRAM-DATE-TIME) of the picture that is showing, milliseconds since the epoch, or null. */
  playingDateMs(): number | null;
  /** Seconds between the live edge of the playlist and the picture, or null. Needs no clock. */
  edgeDistanceSeconds(): number | null;
  /** The latency that the engine steers to, seconds, or null. */
  targetSeconds(): number | null;
  /** `performance.now()` of the last time that the playlist had something new. */
  advancedAt(): number;
  /** Chooses a quality by its index, -1 for automatic. */
  choose(index: number): void;
  /** Index of the chosen quality (-1: automatic), and of the one that is showing (-1: not known). */
  chosen(): number;
  showing(): number;
}

export type EngineKind = 'mse' | 'native' | 'none';

/** Media Source Extensions where there are any (managed or not), else the browser's own HLS. */
export function engineKind(video: HTMLVideoElement): EngineKind {
  if ('ManagedMediaSource' in window || 'MediaSource' in window) return 'mse';
  return video.canPlayType('application/vnd.apple.mpegurl') === '' ? 'none' : 'native';
}
