import Hls, { ErrorDetails, ErrorTypes, Events } from 'hls.js';
import type { ErrorData, Fragment, HlsConfig, LoaderResponse, LoadPolicy, RetryConfig } from 'hls.js';
import workerUrl from 'hls.js/dist/hls.worker.js?url';
import { AbrController } from './abr.ts';
import { AudioStreamController } from './audio-stream.ts';
import { codecsInPlaylist, describeCodec, unsupportedCodecs } from './codecs.ts';
import type { Engine, EngineEvents } from './engine.ts';

/**
 * Retries the loader's own way, and also when there was no answer at all (status 0), which hls.js gives up on while
 * the browser believes it is on line: a server that restarts is exactly that.
 */
function shouldRetry(
  config: RetryConfig | null | undefined,
  count: number,
  _timeout: boolean,
  response: LoaderResponse | undefined,
  retry: boolean,
): boolean {
  return retry || (!!config && count < config.maxNumRetry && (response?.code ?? 0) === 0);
}

function policy(firstByteMs: number, loadMs: number, retries: number): LoadPolicy {
  return {
    default: {
      maxTimeToFirstByteMs: firstByteMs,
      maxLoadTimeMs: loadMs,
      timeoutRetry: { maxNumRetry: retries, retryDelayMs: 0, maxRetryDelayMs: 0, shouldRetry },
      errorRetry: { maxNumRetry: retries, retryDelayMs: 400, maxRetryDelayMs: 2000, backoff: 'linear', shouldRetry },
    },
  };
}

/** Seconds that the live position moves back by when the network has shown that it needs it: after a stall, or hardly none. */
const stepBackSeconds = 0.5;
/** After this long without another of these the distance that they have added is given back. */
const forgiveAfterMs = 60_000;

/** The live position follows PART-HOLD-BACK of the playlist; nothing here sets a distance of its own. */
const config: Partial<HlsConfig> = {
  lowLatencyMode: true,
  // The pace is ours (pace.ts): at its target hls.js would change the rate several times a second.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: stepBackSeconds,
  // With a live stream as long as the day, what is behind must go; a minute is the default live window.
  backBufferLength: 60,
  maxBufferLength: 30,
  liveDurationInfinity: true,
  // The worker is a file of our own origin, so that `script-src 'self'` holds without blob:.
  enableWorker: true,
  workerPath: workerUrl,
  // Neither is sent by our server.
  enableInterstitialPlayback: false,
  enableID3MetadataCues: false,
  capLevelToPlayerSize: true,
  testBandwidth: false,
  // Nearer to what people have than the 0.5 Mbit/s of hls.js: the first choice depends on it, and less and less for some seconds.
  abrEwmaDefaultEstimate: 5e6,
  abrController: AbrController,
  audioStreamController: AudioStreamController,
  // BANDWIDTH is the measured peak and has the sound in it: a sixth above that is enough to stay, two fifths to go up.
  abrBandWidthFactor: 0.85,
  abrBandWidthUpFactor: 0.7,
  manifestLoadPolicy: policy(8000, 12000, 1),
  // A blocking reload is held by the server for up to three target durations, and longer while a streamer
  // reconnects within the grace period: many patient attempts; the machine knows from the API when to stop.
  playlistLoadPolicy: policy(20000, 25000, 60),
  fragLoadPolicy: policy(10000, 60000, 8),
};

/** HLS over Media Source Extensions by hls.js. */
export class HlsEngine implements Engine {
  readonly #hls: Hls;
  readonly #url: string;
  readonly #events: EngineEvents;
  #advancedAt = performance.now();
  #shortAt = 0;
  #sawLive = false;
  #destroyed = false;

  /** `start`: where in the playlist to begin, seconds; null is the live edge, and what is over is not played. */
  constructor(video: HTMLVideoElement, url: string, events: EngineEvents, start: number | null) {
    this.#url = url;
    this.#events = events;
    this.#sawLive = start !== null;
    const hls = (this.#hls = new Hls(start === null ? config : { ...config, startPosition: start }));
    hls.on(Events.ERROR, (_, data) => this.#onError(data));
    hls.on(Events.MANIFEST_PARSED, () => this.#report());
    hls.on(Events.LEVELS_UPDATED, () => this.#report());
    hls.on(Events.LEVEL_LOADED, (_, { details }) => {
      if (details.live) {
        this.#sawLive = true;
      } else if (!this.#sawLive) {
        hls.stopLoad();
        events.alreadyOver();
      }
    });
    hls.on(Events.FRAG_LOAD_EMERGENCY_ABORTED, () => this.#stepBack());
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      if (details.advanced) this.#advancedAt = performance.now();
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  }

  destroy(): void {
    this.#destroyed = true;
    this.#hls.destroy();
  }

  recover(): void {
    this.#hls.recoverMediaError();
  }

  range(): { start: number; end: number } | null {
    const details = this.#hls.latestLevelDetails;
    const first = details?.fragments[0];
    return details && first ? { start: first.start, end: details.edge } : null;
  }

  isOver(): boolean {
    return this.#hls.latestLevelDetails?.live === false;
  }

  dateAt(position: number): number | null {
    const fragment = this.#lastFragment((candidate) => candidate.start <= position);
    return fragment?.programDateTime == null ? null : fragment.programDateTime + (position - fragment.start) * 1000;
  }

  positionAt(dateMs: number): number | null {
    const fragment = this.#lastFragment((candidate) => (candidate.programDateTime ?? 0) <= dateMs);
    if (fragment?.programDateTime == null) return null;
    // A date between two runs of the publisher is where the second begins.
    return fragment.start + Math.min(fragment.duration, Math.max(0, (dateMs - fragment.programDateTime) / 1000));
  }

  livePosition(): number | null {
    return this.#hls.liveSyncPosition;
  }

  playingDateMs(): number | null {
    return this.#hls.playingDate?.getTime() ?? null;
  }

  edgeDistanceSeconds(): number | null {
    return this.#hls.latestLevelDetails ? this.#hls.latency : null;
  }

  targetSeconds(): number | null {
    const holdBack = this.#hls.latestLevelDetails?.partHoldBack ?? 0;
    if (this.#shortAt > 0 && holdBack > 0 && performance.now() - this.#shortAt > forgiveAfterMs) {
      this.#shortAt = 0;
      // The same as at the beginning: setting it is how hls.js forgets stalls.
      this.#hls.targetLatency = holdBack;
    }
    return this.#hls.targetLatency;
  }

  advancedAt(): number {
    return this.#advancedAt;
  }

  choose(index: number): void {
    this.#hls.nextLevel = index;
  }

  chosen(): number {
    return this.#hls.manualLevel;
  }

  showing(): number {
    return this.#hls.currentLevel;
  }

  /** The last fragment that holds, of those in order; the first one when none does. */
  #lastFragment(holds: (fragment: Fragment) => boolean): Fragment | undefined {
    const fragments = this.#hls.latestLevelDetails?.fragments ?? [];
    let low = 0;
    let high = fragments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(fragments[middle]!)) low = middle + 1;
      else high = middle;
    }
    return fragments[Math.max(0, low - 1)];
  }

  /** The buffer did not outlast a segment: it is to be larger for a while. */
  #stepBack(): void {
    const holdBack = this.#hls.latestLevelDetails?.partHoldBack ?? 0;
    if (holdBack > 0) this.#hls.targetLatency = Math.max(this.#hls.targetLatency ?? 0, holdBack + stepBackSeconds);
    this.#shortAt = performance.now();
  }

  #report(): void {
    this.#events.sources(this.#hls.levels.map((level) => level.uri));
    this.#events.qualities(
      this.#hls.levels.map((level, index) => ({
        index,
        height: level.height,
        frameRate: level.frameRate,
        bitsPerSecond: level.bitrate,
      })),
    );
  }

  #onError(data: ErrorData): void {
    const status = data.response?.code ?? 0;
    if (data.details === ErrorDetails.BUFFER_STALLED_ERROR) this.#shortAt = performance.now();
    this.#events.note(`${data.fatal ? 'fatal ' : ''}${data.details}${status > 0 ? ` ${status}` : ''} ${data.reason ?? data.error.message}`.trim());
    const codecRefused =
      data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR ||
      data.details === ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR ||
      data.details === ErrorDetails.BUFFER_ADD_CODEC_ERROR;
    // A refused source buffer is not fatal to hls.js, but it leaves a stream without sound or picture.
    if (codecRefused) {
      const named = /codecs="?([^";]+)/.exec(data.mimeType ?? '')?.[1];
      void this.#refused(named === undefined ? [] : named.split(','));
      return;
    }
    if (this.#leaveEdge(data, status)) return;
    if (!data.fatal) return;
    if (data.type === ErrorTypes.MEDIA_ERROR) {
      this.#events.mediaError(`Decoding failed (${data.details})`);
    } else {
      const detail = status > 0 ? `The server answered with status ${status}` : 'No answer came';
      this.#events.failed({ kind: 'network', detail });
    }
  }

  /**
   * An edge that does not answer is left for the next one that the server's content steering names (pathways);
   * hls.js would go through the other qualities of the same edge first. True when there is nothing else to do.
   */
  #leaveEdge(data: ErrorData, status: number): boolean {
    const hls = this.#hls;
    const level = hls.levels[hls.loadLevel];
    const failed = data.context?.url ?? data.frag?.url ?? data.url;
    const silent = data.type === ErrorTypes.NETWORK_ERROR && (status === 0 || status === 502 || status === 504);
    if (!silent || level === undefined || failed === undefined || hls.pathways.length < 2) return false;
    const here = new URL(level.uri, location.href).host;
    if (new URL(failed, location.href).host === here) {
      const others = [...new Set([...(hls.pathwayPriority ?? []), ...hls.pathways])].filter((pathway) => pathway !== level.pathwayId);
      hls.pathwayPriority = [...others, level.pathwayId];
    }
    // Asked before the move: that edge is left already.
    if (data.fatal) hls.startLoad();
    return true;
  }

  async #refused(named: readonly string[]): Promise<void> {
    let codecs = named;
    if (codecs.length === 0) {
      try {
        const response = await fetch(this.#url);
        const all = response.ok ? codecsInPlaylist(await response.text()) : [];
        codecs = unsupportedCodecs(all, (type) => Hls.getMediaSource()?.isTypeSupported(type) ?? false);
      } catch {
        // The names are a courtesy; without them the message is only less exact.
      }
    }
    if (!this.#destroyed) this.#events.failed({ kind: 'codec', codecs: codecs.map(describeCodec) });
  }
}
