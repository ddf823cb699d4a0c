import { edges, fetchBroadcast, fetchChannel, learnEdges } from '../api.ts';
import type { ChannelInfo } from '../api.ts';
import { backoffMs } from '../backoff.ts';
import { ServerClock } from '../clock.ts';
import { engineKind } from './engine.ts';
import type { Engine, EngineEvents, EngineKind } from './engine.ts';
import { initial, step } from './machine.ts';
import type { Effect, Input, Model } from './machine.ts';
import { keepPace } from './pace.ts';
import { loadPreferences, savePreferences } from './preferences.ts';
import { qualityLabel, qualityMenu } from './quality.ts';
import type { Quality } from './quality.ts';
import { Recording } from './recording.ts';
import { mayReload } from './reload.ts';
import { stepFrom } from './seekable.ts';
import type { Seekable } from './seekable.ts';
import type { Probe, View } from './state.ts';

export interface PlayerOptions {
  /** The channel to follow from broadcast to broadcast; empty for a page of one broadcast. */
  readonly channel: string;
  /** The one broadcast to play, from its beginning; null to follow the channel, live. */
  readonly broadcast: string | null;
  /** Of one broadcast: where to begin, seconds on its clock. */
  readonly startSeconds: number | null;
  readonly autoplay: boolean;
  readonly muted: boolean;
}

const tickMs = 500;
const steadyAfterMs = 10_000;
/** A stall this long is looked into. */
const longStallMs = 6000;
/** Beyond the target by this much the viewer is called behind live, and offered the way back. */
const behindSeconds = 3;
/** Edges come and go. */
const learnEveryMs = 60_000;
/** hls.js takes a start in front of the first picture of a playlist that grows for none at all, and that may be late by a little. */
const insideSeconds = 0.5;
/** So near to where a live playlist begins nothing is seeked to: it would be gone before it is loaded. */
const leavingSeconds = 4;
const keptErrors = 50;

/** The shell around the machine: media element, engine, timers, questions to the server. It decides nothing. */
export class Player {
  readonly #video: HTMLVideoElement;
  readonly #options: PlayerOptions;
  readonly #kind: EngineKind;
  readonly #clock = new ServerClock();
  readonly #closing = new AbortController();
  readonly #watchers = new Set<() => void>();

  #model: Model = initial;
  #view: View;
  #info: ChannelInfo | null = null;
  #engine: Engine | null = null;
  /** Counts attachments, so that a late answer from an older one is dropped. */
  #attachment = 0;
  #wanted = true;
  /** False once the viewer has fallen behind by pausing: that is a choice, and is left alone. */
  #followsLive = true;
  #mutedByBrowser = false;
  #playBlocked = false;
  #qualities: readonly Quality[] = [];
  #chosenHeight: number | null = null;

  readonly #recording = new Recording();
  #unknown = false;
  /** Seconds on the broadcast's clock where its recording is played, kept up to date; null when the live playlist is. */
  #back: number | null = null;
  /** Where to be as soon as the playlist says where that is; null when there. */
  #target: number | null = null;
  #lastSeekable: Seekable | null = null;
  /** Where the viewer has paused, seconds on the broadcast's clock. */
  #pausedAt: number | null = null;

  #askTimer = 0;
  #asking = false;
  #unanswered = 0;
  #edgesAt = -Infinity;
  #retryTimer = 0;
  #playingSince = 0;
  #stalledSince = 0;
  #lastTime = -1;
  #stalls = 0;
  #restarts = 0;
  #errors: string[] = [];

  constructor(video: HTMLVideoElement, options: PlayerOptions) {
    this.#video = video;
    this.#options = options;
    this.#kind = engineKind(video);
    this.#wanted = options.autoplay;
    this.#playBlocked = !options.autoplay;
    if (options.broadcast !== null) this.#back = options.startSeconds ?? 0;
    const preferences = loadPreferences();
    video.volume = preferences.volume;
    video.muted = options.muted || preferences.muted;
    this.#view = this.#look();
    this.#listen();
    if (this.#kind === 'none') {
      this.#model = { ...initial, phase: 'error', problem: { kind: 'unsupported' } };
      this.#publish();
    }
    const ticker = setInterval(() => this.#tick(), tickMs);
    this.#closing.signal.addEventListener('abort', () => clearInterval(ticker));
    // Fetched now, so that a channel that goes live later starts at once, whatever became of the files by then.
    if (this.#kind === 'mse') import('./hls-engine.ts').catch(() => undefined);
    void this.#ask();
  }

  get view(): View {
    return this.#view;
  }

  get probe(): Probe {
    return {
      state: this.#model.phase,
      problem: this.#model.problem?.kind ?? null,
      latencySeconds: this.#view.latencySeconds,
      droppedFrames: this.#video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0,
      stalls: this.#stalls,
      restarts: this.#restarts,
      errors: this.#errors,
      quality: this.#view.quality,
      seekable: this.#view.seekable,
    };
  }

  /** Calls `watcher` after every change of `view`, until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#askTimer);
    clearTimeout(this.#retryTimer);
    this.#detach();
    this.#watchers.clear();
  }

  togglePlay(): void {
    if (this.#video.paused) this.play();
    else this.#video.pause();
  }

  play(): void {
    this.#wanted = true;
    if (this.#playBlocked && this.#back === null) {
      // Time went by before the first picture: begin at the live position, not where it would have begun.
      const position = this.#engine?.livePosition() ?? null;
      if (position !== null && Number.isFinite(position)) this.#video.currentTime = position;
    }
    this.#playBlocked = false;
    void this.#start();
  }

  setMuted(muted: boolean): void {
    this.#mutedByBrowser = false;
    if (!muted && this.#video.volume === 0) this.#video.volume = 0.5;
    this.#video.muted = muted;
    this.#keepPreferences();
  }

  /** `volume` 0 to 1; beyond is cut off. */
  setVolume(volume: number): void {
    this.#mutedByBrowser = false;
    this.#video.volume = Math.round(Math.min(1, Math.max(0, volume)) * 100) / 100;
    this.#video.muted = this.#video.volume === 0;
    this.#keepPreferences();
  }

  choose(index: number): void {
    this.#chosenHeight = this.#qualities.find((quality) => quality.index === index)?.height ?? null;
    this.#engine?.choose(index);
    this.#publish();
  }

  /** Goes to a moment of the broadcast, seconds on its clock; to live when that is where the moment is. */
  seek(seconds: number): void {
    const seekable = this.#seekable();
    const engine = this.#engine;
    if (seekable === null || engine === null) return;
    const to = Math.min(seekable.end, Math.max(seekable.start, seconds));
    if (seekable.live && to >= seekable.end - (engine.targetSeconds() ?? 0) - 1) {
      this.goLive();
      return;
    }
    const range = engine.range();
    const position = this.#recording.positionOf(this.#engine, to);
    const leaves = this.#back === null && this.#recording.rewinds ? leavingSeconds : 0;
    if (range !== null && position !== null && position >= range.start + leaves) {
      this.#followsLive = false;
      this.#pausedAt = to;
      if (this.#back !== null) this.#back = to;
      this.#video.currentTime = Math.min(position, range.end);
      this.#publish();
    } else if (this.#recording.rewinds) {
      this.#back = to;
      this.#send({ type: 'move' });
    } else if (range !== null) {
      this.#followsLive = false;
      this.#video.currentTime = range.start;
    }
  }

  /** Goes on by so many seconds, or back. */
  step(seconds: number): void {
    const seekable = this.#seekable();
    if (seekable !== null) this.seek(stepFrom(seekable, seconds));
  }

  /** To the beginning, or to live; of what is over, to its end. */
  goTo(end: 'first' | 'last'): void {
    const seekable = this.#seekable();
    if (seekable !== null) this.seek(end === 'first' ? seekable.start : seekable.end);
  }

  /** Plays what was watched to its end once more. */
  again(): void {
    this.#back = this.#recording.rewindableFrom ?? 0;
    this.#wanted = true;
    this.#send({ type: 'move' });
  }

  goLive(): void {
    this.#pausedAt = null;
    if (this.#back !== null) {
      this.#back = null;
      this.#wanted = true;
      this.#playBlocked = false;
      this.#send({ type: 'move' });
      return;
    }
    this.#followsLive = true;
    const position = this.#engine?.livePosition() ?? null;
    if (position !== null && Number.isFinite(position)) this.#video.currentTime = position;
    this.play();
  }

  retryNow(): void {
    clearTimeout(this.#retryTimer);
    this.#send({ type: 'retry' });
    void this.#ask();
  }

  #listen(): void {
    const video = this.#video;
    const signal = this.#closing.signal;
    const on = (name: string, handler: () => void) => video.addEventListener(name, handler, { signal });
    on('playing', () => {
      this.#stalledSince = 0;
      this.#playingSince = performance.now();
      this.#send({ type: 'playing' });
    });
    const stalled = () => {
      this.#playingSince = 0;
      this.#stalledSince = performance.now();
      if (this.#model.phase === 'playing') this.#stalls++;
      this.#send({ type: 'stalled' });
    };
    on('waiting', () => {
      if (!video.paused && !video.seeking) stalled();
    });
    // Errors are the engine's to mend, which hls.js begins without a word; the picture stands still meanwhile.
    on('error', () => {
      if (this.#engine !== null) stalled();
    });
    on('play', () => {
      if (this.#model.phase === 'paused' && (this.#lagSeconds() ?? 0) > behindSeconds) this.#followsLive = false;
      this.#goBackToPause();
      this.#send({ type: 'resumed' });
    });
    on('pause', () => {
      this.#playingSince = 0;
      // The element pauses itself at its end, at an error and when its source goes; none is the viewer's wish.
      if (video.ended || video.error !== null || this.#engine === null || video.readyState === HTMLMediaElement.HAVE_NOTHING) return;
      this.#wanted = false;
      this.#pausedAt = this.#recording.secondOf(this.#engine, video.currentTime);
      this.#send({ type: 'paused' });
    });
    on('ended', () => this.#send({ type: 'ended' }));
    on('canplay', () => {
      if (!video.paused) return;
      if (this.#wanted) void this.#start();
      else this.#send({ type: 'paused' });
    });
    on('volumechange', () => this.#publish());
    on('resize', () => this.#publish());
    on('loadedmetadata', () => this.#publish());
    const askSoon = () => {
      if (document.visibilityState === 'visible') void this.#ask();
    };
    document.addEventListener('visibilitychange', askSoon, { signal });
    window.addEventListener('online', askSoon, { signal });
  }

  /** Starts the element: with sound, else without, else when the viewer says so. */
  async #start(): Promise<void> {
    if (this.#engine === null) return;
    const video = this.#video;
    try {
      await video.play();
      this.#playBlocked = false;
    } catch (error) {
      // AbortError: a new source came in between, and its own start is on the way.
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      if (video.muted) {
        this.#playBlocked = true;
      } else {
        video.muted = true;
        this.#mutedByBrowser = true;
        try {
          await video.play();
        } catch {
          this.#playBlocked = true;
        }
      }
      if (this.#playBlocked) this.#send({ type: 'paused' });
    }
    this.#publish();
  }

  #send(input: Input): void {
    if (this.#closing.signal.aborted) return;
    const before = this.#model.phase;
    const { model, effects } = step(this.#model, input);
    this.#model = model;
    if (model.phase === 'ended' && this.#options.broadcast === null) this.#back = null;
    for (const effect of effects) this.#perform(effect);
    this.#publish();
    // Another phase asks for another rhythm of questions.
    if (model.phase !== before) this.#planAsk();
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'attach':
        void this.#attach();
        break;
      case 'detach':
        this.#detach();
        break;
      case 'recover':
        this.#engine?.recover();
        void this.#start();
        break;
      case 'plan-retry':
        clearTimeout(this.#retryTimer);
        this.#retryTimer = setTimeout(() => this.#send({ type: 'retry' }), backoffMs(effect.attempt, 700, 15_000));
        break;
      case 'ask':
        void this.#ask();
        break;
    }
  }

  async #attach(): Promise<void> {
    this.#detach();
    this.#followsLive = this.#back === null;
    this.#target = this.#back;
    this.#pausedAt = null;
    const attachment = this.#attachment;
    const current = () => attachment === this.#attachment && !this.#closing.signal.aborted;
    this.#restarts++;
    const url = edges.origin + this.#url();
    // Exact when all of it is there; in a window the first playlist tells, and `#tick` goes there.
    const earliest = this.#info?.live === false ? 0 : insideSeconds;
    const start = this.#back === null ? null : Math.max(earliest, this.#back - (this.#recording.rewindableFrom ?? 0));
    const events: EngineEvents = {
      failed: (problem) => current() && this.#send({ type: 'failed', problem }),
      mediaError: (detail) => current() && this.#send({ type: 'media-error', detail }),
      alreadyOver: () => current() && this.#send({ type: 'ended' }),
      qualities: (list) => current() && this.#setQualities(list),
      sources: (urls) => edges.learn(urls),
      note: (detail) => this.#note(detail),
    };
    try {
      const { HlsEngine } = this.#kind === 'mse' ? await import('./hls-engine.ts') : { HlsEngine: null };
      const { NativeEngine } = this.#kind === 'native' ? await import('./native-engine.ts') : { NativeEngine: null };
      if (!current()) return;
      const Kind = HlsEngine ?? NativeEngine;
      if (Kind === null) return;
      this.#engine = new Kind(this.#video, url, events, start);
      this.#stalledSince = performance.now();
      if (this.#wanted) void this.#start();
      else this.#playBlocked = true;
    } catch (error) {
      // The player's own files did not load: the server is away, or was updated and has others now.
      this.#note(`engine ${error instanceof Error ? error.message : String(error)}`);
      if (this.#unanswered === 0 && mayReload()) {
        location.reload();
        return;
      }
      events.failed({ kind: 'network', detail: 'The player could not be loaded' });
    }
  }

  #detach(): void {
    this.#attachment++;
    clearTimeout(this.#retryTimer);
    this.#engine?.destroy();
    this.#engine = null;
    this.#qualities = [];
    this.#playingSince = 0;
    this.#stalledSince = 0;
    this.#lastTime = -1;
  }

  #setQualities(list: readonly Quality[]): void {
    this.#qualities = list;
    // The viewer's choice outlives a restart where the same height is on offer again.
    const again = list.find((quality) => quality.height === this.#chosenHeight);
    if (again && list.length > 1) this.#engine?.choose(again.index);
    this.#publish();
  }

  async #ask(): Promise<void> {
    if (this.#asking || this.#closing.signal.aborted) return;
    this.#asking = true;
    clearTimeout(this.#askTimer);
    try {
      if (this.#options.broadcast !== null) {
        await this.#askForBroadcast(this.#options.broadcast);
        return;
      }
      const answer = await fetchChannel(this.#options.channel, this.#clock, this.#closing.signal);
      if (answer.kind === 'unreachable') {
        this.#unanswered++;
        this.#note(`channel ${answer.reason}`);
        this.#send({ type: 'unreachable' });
      } else {
        this.#unanswered = 0;
        this.#info = answer.kind === 'channel' ? answer.channel : null;
        const live = answer.kind === 'channel' && answer.channel.live;
        const broadcast = live ? (answer.channel.broadcast ?? '') : null;
        // Whoever watches what was stays there when the broadcast ends, or another one begins.
        const watched = this.#back === null ? null : this.#model.attached;
        await this.#describe(watched ?? broadcast ?? '');
        this.#send({ type: 'channel', broadcast: watched ?? broadcast, tracks: this.#info?.tracks ?? [] });
      }
    } catch {
      // Closed.
    } finally {
      this.#asking = false;
      if (this.#unanswered === 0) this.#learnEdges();
      this.#planAsk();
    }
  }

  /** Learns now and then where else this can be played, while the server answers. */
  #learnEdges(): void {
    const channel = this.#info?.name ?? '';
    if (channel === '' || performance.now() - this.#edgesAt < learnEveryMs) return;
    this.#edgesAt = performance.now();
    learnEdges(channel, this.#clock, this.#closing.signal).catch(() => undefined);
  }

  /** Of a page for one broadcast: what became of it. */
  async #askForBroadcast(id: string): Promise<void> {
    const answer = await fetchBroadcast(id, this.#clock, this.#closing.signal);
    if (answer.kind === 'unreachable') {
      this.#unanswered++;
      this.#note(`broadcast ${answer.reason}`);
      this.#send({ type: 'unreachable' });
      return;
    }
    this.#unanswered = 0;
    this.#unknown = answer.kind === 'unknown';
    if (answer.kind === 'unknown') {
      this.#send({ type: 'channel', broadcast: null });
      return;
    }
    const { broadcast } = answer;
    this.#recording.learn(broadcast);
    this.#info = { name: broadcast.channel, live: broadcast.live, broadcast: id, startedAt: broadcast.startedAt, title: null, previewAt: null, tracks: [] };
    // What was watched to its end is played again when the viewer says so.
    if (this.#model.phase !== 'ended') this.#send({ type: 'channel', broadcast: id });
    else this.#publish();
  }

  /** Asks what there is to seek in, now and then; without an answer the bar shows what the playlist has. */
  async #describe(id: string): Promise<void> {
    if (id === '' || this.#recording.knows(id)) return;
    const answer = await fetchBroadcast(id, this.#clock, this.#closing.signal);
    if (answer.kind === 'broadcast') this.#recording.learn(answer.broadcast);
  }

  #planAsk(): void {
    clearTimeout(this.#askTimer);
    if (this.#closing.signal.aborted) return;
    const phase = this.#model.phase;
    const calm = phase === 'playing' || phase === 'paused';
    const hidden = document.visibilityState === 'hidden';
    // The server knows a replay's clock once it is being played.
    const curious = calm && this.#options.broadcast !== null && !this.#recording.hasClock;
    const steadyMs = curious ? 1000 : calm ? 10_000 : hidden ? 10_000 : 2000;
    const delay = this.#unanswered > 0 ? backoffMs(this.#unanswered, 1000, hidden ? 30_000 : 8000) : backoffMs(1, steadyMs, steadyMs);
    this.#askTimer = setTimeout(() => void this.#ask(), delay);
  }

  /** Twice a second: latency, and whether time goes on. */
  #tick(): void {
    const now = performance.now();
    const time = this.#video.currentTime;
    const moves = time !== this.#lastTime;
    this.#lastTime = time;
    const phase = this.#model.phase;
    if (phase === 'playing' && this.#playingSince > 0 && now - this.#playingSince > steadyAfterMs) {
      this.#playingSince = now;
      this.#send({ type: 'steady' });
    }
    if (phase === 'stalled' && moves && !this.#video.paused && this.#video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) {
      // Some browsers go on after a short stall without saying `playing`.
      this.#stalledSince = 0;
      this.#playingSince = now;
      this.#send({ type: 'playing' });
    }
    if (this.#engine !== null && !moves && this.#stalledSince > 0 && now - this.#stalledSince > longStallMs && !this.#playBlocked) {
      const fresh = this.#engine.advancedAt() > this.#stalledSince + 1000;
      if (!fresh) this.#send({ type: 'starved' });
      // Longer than that with media at hand: only a new start helps.
      else if (now - this.#stalledSince > 2 * longStallMs) this.#send({ type: 'stuck' });
    }
    if (this.#back !== null && this.#target === null && moves) this.#back = this.#recording.secondOf(this.#engine, time) ?? this.#back;
    this.#approach();
    keepPace(this.#video, this.#followsLive ? this.#lagSeconds() : null, this.#engine?.livePosition() ?? null);
    this.#publish();
  }

  #url(): string {
    const { channel, broadcast } = this.#options;
    const id = broadcast ?? this.#model.attached;
    if (this.#back !== null && this.#recording.rewinds && id) return `/b/${encodeURIComponent(id)}/dvr.m3u8`;
    return broadcast === null ? `/live/${encodeURIComponent(channel)}/main.m3u8` : `/b/${encodeURIComponent(broadcast)}/main.m3u8`;
  }

  /** Corrects the start in a playlist whose beginning was not known. */
  #approach(): void {
    if (this.#target === null || this.#video.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const range = this.#engine?.range() ?? null;
    if (range === null) return;
    if (!this.#recording.hasClock && this.#options.broadcast !== null && this.#recording.rewindableFrom === null && this.#target > 0) {
      // A link into a replay whose clock the server tells in a moment: full recordings begin at 0, and are right already.
      return;
    }
    const position = this.#recording.positionOf(this.#engine, this.#target);
    this.#target = null;
    if (position === null) return;
    const wanted = Math.min(range.end, Math.max(range.start, position));
    if (Math.abs(wanted - this.#video.currentTime) > 2) this.#video.currentTime = wanted;
  }

  /** After a long pause the live playlist has forgotten where that was: the recording has not. */
  #goBackToPause(): void {
    const at = this.#pausedAt;
    const range = this.#engine?.range() ?? null;
    this.#pausedAt = null;
    if (at === null || range === null || this.#back !== null || !this.#recording.rewinds) return;
    const position = this.#recording.positionOf(this.#engine, at);
    if (position !== null && position > range.start + leavingSeconds) return;
    this.#back = at;
    this.#wanted = true;
    this.#send({ type: 'move' });
  }

  #seekable(): Seekable | null {
    const engine = this.#engine;
    const range = engine?.range() ?? null;
    if (engine === null || range === null) return null;
    const first = this.#recording.secondOf(this.#engine, range.start);
    const end = this.#recording.secondOf(this.#engine, range.end);
    const position = this.#target ?? this.#recording.secondOf(this.#engine, this.#video.currentTime);
    if (first === null || end === null || position === null) return null;
    const live = !engine.isOver();
    // The live playlist has a minute; behind it lies what the recording has.
    const from = this.#recording.rewinds ? this.#recording.rewindableFrom : null;
    const start = this.#back === null && from !== null ? Math.min(first, from) : first;
    const lag = this.#lagSeconds();
    return {
      start: Math.round(start * 10) / 10,
      end: Math.round(end * 10) / 10,
      position: Math.round(Math.min(end, Math.max(start, position)) * 10) / 10,
      live,
      atLive: live && this.#back === null && !this.#video.paused && (lag === null || lag <= behindSeconds),
    };
  }

  /** Seconds behind where the engine wants to be, or null when it has no such place. */
  #lagSeconds(): number | null {
    const distance = this.#engine?.edgeDistanceSeconds() ?? null;
    const target = this.#engine?.targetSeconds() ?? null;
    return distance === null || target === null ? null : distance - target;
  }

  #note(detail: string): void {
    // Retries repeat themselves, those of picture and sound in turn.
    if (this.#errors.slice(-4).includes(detail)) return;
    this.#errors = [...this.#errors.slice(1 - keptErrors), detail];
  }

  #keepPreferences(): void {
    savePreferences({ volume: this.#video.volume, muted: this.#video.muted });
    this.#publish();
  }

  #look(): View {
    const video = this.#video;
    const { phase, problem } = this.#model;
    const engine = this.#engine;
    const active = engine !== null && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    const showing = this.#qualities.find((quality) => quality.index === engine?.showing());
    const dateMs = active ? (engine?.playingDateMs() ?? null) : null;
    const edge = active ? (engine?.edgeDistanceSeconds() ?? null) : null;
    const target = engine?.targetSeconds() ?? 2;
    const latency = dateMs === null ? edge : (this.#clock.toServer(Date.now()) - dateMs) / 1000;
    const attached = this.#model.attached !== null && phase !== 'error';
    // While another playlist is on its way the bar stays as it was, at where playback will be.
    const last = attached ? this.#lastSeekable : null;
    const seekable = this.#seekable() ?? (last && { ...last, position: this.#target ?? last.position, atLive: this.#target === null && last.live });
    this.#lastSeekable = seekable;
    const onAir = this.#info?.live !== false && engine?.isOver() !== true;
    const audioOnly = active && video.videoHeight === 0;
    return {
      phase,
      problem,
      info: this.#info,
      volume: video.volume,
      muted: video.muted,
      mutedByBrowser: this.#mutedByBrowser && video.muted,
      playBlocked: this.#playBlocked && engine !== null && video.paused,
      choices: qualityMenu(this.#qualities),
      chosen: engine?.chosen() ?? -1,
      quality: active ? qualityLabel(video.videoHeight, showing?.frameRate ?? 0) : '',
      audioOnly,
      latencySeconds: latency === null ? null : Math.max(0, Math.round(latency * 10) / 10),
      behindLive: onAir && (phase === 'paused' || this.#back !== null || (edge !== null && edge > target + behindSeconds)),
      broadcast: this.#recording.info,
      seekable,
      unknown: this.#unknown,
    };
  }

  #publish(): void {
    if (this.#closing.signal.aborted) return;
    const next = this.#look();
    if (JSON.stringify(next) === JSON.stringify(this.#view)) return;
    this.#view = next;
    for (const watcher of this.#watchers) watcher();
  }
}
