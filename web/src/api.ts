import type { ServerClock } from './clock.ts';

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

export type ChannelAnswer =
  | { readonly kind: 'channel'; readonly channel: ChannelInfo }
  /** No channel of that name yet: with open admission one comes into being at its first publish. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'unreachable'; readonly reason: string };

export type ChannelsAnswer =
  | { readonly kind: 'channels'; readonly channels: readonly ChannelInfo[] }
  | { readonly kind: 'unreachable'; readonly reason: string };

const timeoutMs = 8000;

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

interface JsonAnswer {
  /** 0 when there was no answer. */
  readonly status: number;
  readonly body: unknown;
  readonly reason: string;
}

async function fetchJson(path: string, clock: ServerClock, signal: AbortSignal): Promise<JsonAnswer> {
  const sentMs = Date.now();
  try {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), timeoutMs);
    const cancel = () => limit.abort();
    signal.addEventListener('abort', cancel);
    try {
      const response = await fetch(path, { cache: 'no-store', signal: limit.signal });
      clock.observe(Date.parse(response.headers.get('date') ?? ''), sentMs, Date.now());
      const body: unknown = response.ok ? await response.json() : null;
      return { status: response.status, body, reason: `HTTP ${response.status}` };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
    }
  } catch (error) {
    signal.throwIfAborted();
    return { status: 0, body: null, reason: error instanceof Error ? error.message : String(error) };
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
