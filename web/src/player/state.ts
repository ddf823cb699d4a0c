import type { BroadcastInfo, ChannelInfo } from '../api.ts';
import type { Phase } from './machine.ts';
import type { Problem } from './problem.ts';
import type { QualityChoice } from './quality.ts';
import type { Seekable } from './seekable.ts';

/** Everything a view draws. A new object whenever something in it changed. */
export interface View {
  readonly phase: Phase;
  readonly problem: Problem | null;
  readonly info: ChannelInfo | null;
  /** 0 to 1, as the viewer set it. */
  readonly volume: number;
  readonly muted: boolean;
  /** The browser allowed playback only without sound. */
  readonly mutedByBrowser: boolean;
  /** The browser did not allow playback at all before the viewer asks for it. */
  readonly playBlocked: boolean;
  readonly choices: readonly QualityChoice[];
  /** Index of the chosen quality, -1: automatic. */
  readonly chosen: number;
  /** What is showing, such as `720p`; empty before anything is. */
  readonly quality: string;
  readonly audioOnly: boolean;
  /** Seconds from the streamer's clock at ingest to this screen; null when not known. */
  readonly latencySeconds: number | null;
  readonly behindLive: boolean;
  /** The broadcast that is playing or was played last; null before the server has described it. */
  readonly broadcast: BroadcastInfo | null;
  /** Null while there is nothing to seek in. */
  readonly seekable: Seekable | null;
  /** The one broadcast that the page is for has not been found, or is gone. */
  readonly unknown: boolean;
}

/** What tests and the curious read at `window.millrace`. */
export interface Probe {
  readonly state: Phase;
  readonly problem: string | null;
  readonly latencySeconds: number | null;
  readonly droppedFrames: number;
  readonly stalls: number;
  readonly restarts: number;
  readonly errors: readonly string[];
  readonly quality: string;
  readonly seekable: Seekable | null;
}
