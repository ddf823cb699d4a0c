import type { ServerClock } from './clock.ts';
import { Edges } from './edges.ts';
import type { Period } from './player/media-clock.ts';

/** One channel as `GET /api/v1/channels/{name}` describes it. */
export interface ChannelInfo {
  readonly name: string;
  readonly live: boolean;
  /** Id of the broadcast that is on air; null when none is. */
  readonly broadcast: string | null;
  /** RFC 3339; null when nothing is on air. */
  readonly startedAt: string | null;
  readonly title: string | null;
  /** When the newest thumbnail was made, RFC 3339; null while there is none. */
  readonly previewAt: string | null;
  /** What is on air: `video`, `audio` or both; empty when nothing is, or it is not known yet. */
  readonly tracks: readonly string[];
}

/** One broadcast as `GET /api/v1/broadcasts/{id}` describes it, or one of a channel's list. */
export interface BroadcastInfo {
  readonly id: string;
  readonly channel: string;
  readonly live: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Seconds that can be watched. */
  readonly duration: number;
  /** Whether what was can be gone back to, and stays as a replay. */
  readonly rewinds: boolean;
  /** Seconds on the broadcast's clock at which what can be watched begins; null while the server does not know. */
  readonly rewindableFrom: number | null;
  /** The runs of its publisher, in the order of time; empty while the server does not know. */
  readonly periods: readonly Period[];
  /** Of a clip: what it is called; else null. */
  readonly clipName: string | null;
}

/** One clip as `GET /api/v1/clips/{id}` describes it: a range of a broadcast that stays, watched at `/b/{id}`. */
export interface ClipInfo {
  readonly id: string;
  readonly name: string;
  /** Seconds. */
  readonly duration: number;
}

export type BroadcastAnswer =
  | { readonly kind: 'broadcast'; readonly broadcast: BroadcastInfo }
  /** There is none of that id, or no more. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable'; readonly reason: string };

export type ChannelAnswer =
  | { readonly kind: 'channel'; readonly channel: ChannelInfo }
  /** No channel of that name yet: with open admission one comes into being at its first publish. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable'; readonly reason: string };

export type ChannelsAnswer =
  | { readonly kind: 'channels'; readonly channels: readonly ChannelInfo[] }
  | { readonly kind: 'unreachable'; readonly reason: string };

const timeoutMs = 8000;

/** Where everything is asked for; a page has one. */
export const edges = new Edges(globalThis.location?.origin ?? '');

/** Asks where a channel can be played from, so that others are known when this server goes. Never throws except when `signal` cancels. */
export async function learnEdges(channel: string, clock: ServerClock, signal: AbortSignal): Promise<void> {
  const answer = await fetchJson(`/api/v1/channels/${encodeURIComponent(channel)}/playback`, clock, signal);
  const places = answer.status === 200 && isRecord(answer.body) ? answer.body['places'] : undefined;
  if (Array.isArray(places)) edges.learn(places.map((place) => (isRecord(place) ? String(place['hls']) : '')));
}

/** Asks for one channel. Never throws except when `signal` cancels. */
export async function fetchChannel(name: string, clock: ServerClock, signal: AbortSignal): Promise<ChannelAnswer> {
  const answer = await fetchJson(`/api/v1/channels/${encodeURIComponent(name)}`, clock, signal);
  if (answer.status === 404) return { kind: 'unknown' };
  const channel = answer.status === 200 ? toChannel(answer.body) : null;
  return channel ? { kind: 'channel', channel } : { kind: 'unreachable', reason: answer.reason };
}

/** Asks for all channels. Never throws except when `signal` cancels. */
export async function fetchChannels(clock: ServerClock, signal: AbortSignal): Promise<ChannelsAnswer> {
  const answer = await fetchJson('/api/v1/channels', clock, signal);
  const list = answer.status === 200 && isRecord(answer.body) ? answer.body['channels'] : undefined;
  if (!Array.isArray(list)) return { kind: 'unreachable', reason: answer.reason };
  return { kind: 'channels', channels: list.map(toChannel).filter((channel) => channel !== null) };
}

/** Asks for one broadcast. Never throws except when `signal` cancels. */
export async function fetchBroadcast(id: string, clock: ServerClock, signal: AbortSignal): Promise<BroadcastAnswer> {
  const answer = await fetchJson(`/api/v1/broadcasts/${encodeURIComponent(id)}`, clock, signal);
  if (answer.status === 404) return { kind: 'unknown' };
  const broadcast = answer.status === 200 ? toBroadcast(answer.body) : null;
  return broadcast ? { kind: 'broadcast', broadcast } : { kind: 'unreachable', reason: answer.reason };
}

/** Asks for a channel's broadcasts, newest first; null when there was no answer. Never throws except when `signal` cancels. */
export async function fetchBroadcasts(channel: string, clock: ServerClock, signal: AbortSignal): Promise<readonly BroadcastInfo[] | null> {
  const answer = await fetchJson(`/api/v1/channels/${encodeURIComponent(channel)}/broadcasts`, clock, signal);
  const list = answer.status === 200 && isRecord(answer.body) ? answer.body['broadcasts'] : undefined;
  return Array.isArray(list) ? list.map(toBroadcast).filter((broadcast) => broadcast !== null) : null;
}

/** Asks for the clips of a channel or of a broadcast, newest first; none when there was no answer. Never throws except when `signal` cancels. */
export async function fetchClips(of: 'channels' | 'broadcasts', name: string, clock: ServerClock, signal: AbortSignal): Promise<readonly ClipInfo[]> {
  const answer = await fetchJson(`/api/v1/${of}/${encodeURIComponent(name)}/clips`, clock, signal);
  const list = answer.status === 200 && isRecord(answer.body) ? answer.body['clips'] : undefined;
  return Array.isArray(list) ? list.map(toClip).filter((clip) => clip !== null) : [];
}

interface JsonAnswer {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly body: unknown;
  readonly reason: string;
}

async function fetchJson(path: string, clock: ServerClock, signal: AbortSignal): Promise<JsonAnswer> {
  try {
    return await edges.ask(path, (url, patienceMs) => fetchWithin(url, patienceMs ?? timeoutMs, clock, signal));
  } catch (error) {
    signal.throwIfAborted();
    return { status: 0, body: null, reason: error instanceof Error ? error.message : String(error) };
  }
}

async function fetchWithin(url: string, patienceMs: number, clock: ServerClock, signal: AbortSignal): Promise<JsonAnswer> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const cancel = () => limit.abort();
  const timer = setTimeout(cancel, patienceMs);
  signal.addEventListener('abort', cancel);
  try {
    const sentMs = Date.now();
    const response = await fetch(url, { cache: 'no-store', signal: limit.signal });
    clock.observe(Date.parse(response.headers.get('date') ?? ''), sentMs, Date.now());
    const body: unknown = response.ok ? await response.json() : null;
    return { status: response.status, body, reason: `HTTP ${response.status}` };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
  }
}

function toChannel(value: unknown): ChannelInfo | null {
  if (!isRecord(value) || typeof value['name'] !== 'string') return null;
  const text = (key: string) => (typeof value[key] === 'string' ? value[key] : null);
  const health = isRecord(value['health']) ? value['health'] : {};
  return {
    name: value['name'],
    live: value['live'] === true,
    broadcast: text('broadcast'),
    startedAt: text('startedAt'),
    title: text('title'),
    previewAt: Number.isNaN(Date.parse(text('previewAt') ?? '')) ? null : text('previewAt'),
    tracks: ['video', 'audio'].filter((track) => isRecord(health[track])),
  };
}

export function toBroadcast(value: unknown): BroadcastInfo | null {
  if (!isRecord(value)) return null;
  const { id, channel, startedAt, duration, rewindableFrom, periods, clip } = value;
  if (typeof id !== 'string' || typeof channel !== 'string' || typeof startedAt !== 'string') return null;
  return {
    id,
    channel,
    live: value['live'] === true,
    startedAt,
    duration: typeof duration === 'number' ? duration : 0,
    rewinds: value['dvr'] === 'full' || value['dvr'] === 'window',
    rewindableFrom: typeof rewindableFrom === 'number' ? rewindableFrom : null,
    periods: Array.isArray(periods) ? periods.map(toPeriod).filter((period) => period !== null) : [],
    clipName: isRecord(clip) && typeof clip['name'] === 'string' ? clip['name'] : null,
  };
}

export function toClip(value: unknown): ClipInfo | null {
  if (!isRecord(value) || typeof value['id'] !== 'string' || typeof value['name'] !== 'string') return null;
  return { id: value['id'], name: value['name'], duration: typeof value['duration'] === 'number' ? value['duration'] : 0 };
}

function toPeriod(value: unknown): Period | null {
  if (!isRecord(value) || typeof value['start'] !== 'number' || typeof value['date'] !== 'string') return null;
  const dateMs = Date.parse(value['date']);
  return Number.isNaN(dateMs) ? null : { start: value['start'], dateMs };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
