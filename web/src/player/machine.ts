import type { Problem } from './problem.ts';

/** What the player does, as the viewer sees it. */
export type Phase = 'loading' | 'waiting' | 'playing' | 'paused' | 'stalled' | 'ended' | 'error';

export interface Model {
  readonly phase: Phase;
  readonly problem: Problem | null;
  /** The broadcast that the server says is on air; null: none; undefined: not known, for it has not answered. */
  readonly onAir: string | null | undefined;
  /** The broadcast that the engine was last told to play. */
  readonly attached: string | null;
  /** What the server says is on air (`video`, `audio`), and what of it was when the engine was told to play. */
  readonly tracks: readonly string[];
  readonly attachedTracks: readonly string[];
  /** The broadcast that was watched to its end, and how often the server has called it live since. */
  readonly finished: string | null;
  readonly finishedButLive: number;
  /** True once the attached broadcast has played. */
  readonly hasPlayed: boolean;
  /** Restarts since playback was last steady. */
  readonly failures: number;
  /** Recoveries from media errors since playback was last steady. */
  readonly recoveries: number;
}

export type Input =
  /** The server's word about the channel. */
  | { readonly type: 'channel'; readonly broadcast: string | null; readonly tracks?: readonly string[] }
  | { readonly type: 'unreachable' }
  /** From the media element. */
  | { readonly type: 'playing' }
  | { readonly type: 'stalled' }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'ended' }
  /** Ten seconds of playback without interruption. */
  | { readonly type: 'steady' }
  /** From the engine: it has given up; or decoding failed and may be recovered. */
  | { readonly type: 'failed'; readonly problem: Problem }
  | { readonly type: 'media-error'; readonly detail: string }
  /** A long stall: nothing new from the streamer; or there is something new, and it does not play. */
  | { readonly type: 'starved' }
  | { readonly type: 'stuck' }
  /** The viewer goes to where another playlist leads, or back: of the same broadcast, also when it was watched to its end. */
  | { readonly type: 'move' }
  /** The time of a planned attempt has come, or the viewer asked for one. */
  | { readonly type: 'retry' };

export type Effect =
  | { readonly type: 'attach' }
  | { readonly type: 'detach' }
  | { readonly type: 'recover' }
  /** Plan a `retry`; `attempt` counts from 1. */
  | { readonly type: 'plan-retry'; readonly attempt: number }
  /** Ask the server about the channel now. */
  | { readonly type: 'ask' };

export interface Step {
  readonly model: Model;
  readonly effects: readonly Effect[];
}

export const initial: Model = {
  phase: 'loading',
  problem: null,
  onAir: undefined,
  attached: null,
  tracks: [],
  attachedTracks: [],
  finished: null,
  finishedButLive: 0,
  hasPlayed: false,
  failures: 0,
  recoveries: 0,
};

/** A server that calls a finished broadcast live this often is believed: the end was a mistake of the player's. */
const believeLiveAfter = 5;
/** A broadcast that has just started may fail to load once or twice; that is no news to the viewer. */
const silentFailures = 2;
const maxRecoveries = 2;

/** One step of the player: every transition is here, and nothing else happens here. */
export function step(model: Model, input: Input): Step {
  switch (input.type) {
    case 'channel':
      return input.broadcast === null ? offAir(model) : onAir({ ...model, onAir: input.broadcast, tracks: input.tracks ?? [] }, input.broadcast);

    case 'unreachable':
      switch (model.phase) {
        case 'playing':
        case 'paused':
          // What is buffered plays on; the media requests will say if it matters.
        case 'ended':
          return stay({ ...model, onAir: undefined });
        case 'error':
          if (model.problem?.kind === 'unsupported') return stay(model);
          return stay({ ...model, onAir: undefined, problem: { kind: 'unreachable' } });
        case 'loading':
        case 'waiting':
        case 'stalled':
          return stay({ ...model, onAir: undefined, phase: 'error', problem: { kind: 'unreachable' } });
      }
      break;

    case 'playing':
      if (model.attached === null) return stay(model);
      return stay({ ...model, phase: 'playing', problem: null, hasPlayed: true });

    case 'steady':
      return stay(model.phase === 'playing' ? { ...model, failures: 0, recoveries: 0 } : model);

    case 'stalled':
      // The server knows whether the broadcast is over, replaced, or only late.
      return model.phase === 'playing' ? { model: { ...model, phase: 'stalled' }, effects: [{ type: 'ask' }] } : stay(model);

    case 'paused':
      switch (model.phase) {
        case 'loading':
        case 'playing':
        case 'stalled':
          return stay(model.attached === null ? model : { ...model, phase: 'paused', problem: null });
        default:
          return stay(model);
      }

    case 'resumed':
      return stay(model.phase === 'paused' ? { ...model, phase: 'loading' } : model);

    case 'ended': {
      if (model.attached === null) return stay(model);
      const next: Model = {
        ...model,
        phase: 'ended',
        problem: null,
        finished: model.attached,
        finishedButLive: 0,
        attached: null,
        hasPlayed: false,
        failures: 0,
        recoveries: 0,
      };
      // The next broadcast may have begun already.
      if (typeof model.onAir === 'string' && model.onAir !== model.attached) return attach(next, model.onAir);
      return { model: next, effects: [{ type: 'detach' }, { type: 'ask' }] };
    }

    case 'failed':
      return model.attached === null ? stay(model) : fail(model, input.problem);

    case 'media-error':
      if (model.attached === null) return stay(model);
      if (model.recoveries < maxRecoveries) {
        return {
          model: { ...model, phase: model.phase === 'paused' ? 'paused' : 'stalled', recoveries: model.recoveries + 1 },
          effects: [{ type: 'recover' }],
        };
      }
      return fail(model, { kind: 'media', detail: input.detail });

    case 'starved':
      if (model.attached === null || (model.phase !== 'stalled' && model.phase !== 'loading')) return stay(model);
      return stay({ ...model, problem: { kind: 'starved' } });

    case 'stuck':
      if (model.attached === null || (model.phase !== 'stalled' && model.phase !== 'loading')) return stay(model);
      return fail(model, { kind: 'media', detail: 'Playback does not advance' });

    case 'move': {
      const broadcast = model.attached ?? model.finished;
      return broadcast === null ? stay(model) : attach(model, broadcast);
    }

    case 'retry':
      if (model.phase !== 'error' && model.phase !== 'loading') return stay(model);
      if (typeof model.onAir === 'string') return attach(model, model.onAir);
      return { model, effects: [{ type: 'ask' }] };
  }
  return stay(model);
}

function offAir(before: Model): Step {
  const model: Model = { ...before, onAir: null };
  switch (model.phase) {
    case 'waiting':
    case 'ended':
      return stay(model);
    case 'playing':
    case 'paused':
      // The media knows best where its end is.
      return stay(model);
    case 'loading':
    case 'stalled':
    case 'error':
      if (model.problem?.kind === 'unsupported') return stay(model);
      return {
        model: {
          ...initial,
          onAir: null,
          phase: model.hasPlayed ? 'ended' : 'waiting',
          finished: model.hasPlayed ? model.attached : model.finished,
        },
        effects: model.attached === null ? [] : [{ type: 'detach' }],
      };
  }
}

function onAir(model: Model, broadcast: string): Step {
  switch (model.phase) {
    case 'waiting':
      return attach(model, broadcast);
    case 'loading':
      return model.attached === broadcast ? stay(model) : attach(model, broadcast);
    case 'playing':
      // Players read once which tracks there are: one that came later is played after a new start only.
      return hasNewTrack(model, broadcast) ? attach(model, broadcast) : stay(model);
    case 'paused':
      return stay(model);
    case 'stalled':
      // Nothing more will come for the old broadcast.
      return model.attached === broadcast && !hasNewTrack(model, broadcast) ? stay(model) : attach(model, broadcast);
    case 'ended':
      if (model.finished !== broadcast) return attach(model, broadcast);
      if (model.finishedButLive + 1 >= believeLiveAfter) return attach(model, broadcast);
      return stay({ ...model, finishedButLive: model.finishedButLive + 1 });
    case 'error':
      if (model.problem?.kind === 'unsupported') return stay(model);
      if (model.problem?.kind === 'unreachable' || model.attached !== broadcast) return attach(model, broadcast);
      return stay(model);
  }
}

function hasNewTrack(model: Model, broadcast: string): boolean {
  return (
    model.attached === broadcast &&
    model.attachedTracks.length > 0 &&
    model.tracks.some((track) => !model.attachedTracks.includes(track))
  );
}

function attach(model: Model, broadcast: string): Step {
  // While a problem is being worked on it stays in sight; `playing` takes it away.
  const troubled = model.phase === 'error' && model.problem !== null && model.problem.kind !== 'unreachable';
  return {
    model: {
      ...model,
      phase: troubled ? 'error' : 'loading',
      problem: troubled ? model.problem : null,
      attached: broadcast,
      attachedTracks: model.tracks,
      hasPlayed: model.attached === broadcast && model.hasPlayed,
      finished: null,
      finishedButLive: 0,
    },
    effects: [{ type: 'attach' }],
  };
}

function fail(model: Model, problem: Problem): Step {
  if (problem.kind === 'unsupported') {
    return { model: { ...model, phase: 'error', problem }, effects: [{ type: 'detach' }] };
  }
  if (model.onAir === undefined && problem.kind === 'network') {
    // No use in trying before the server answers again: its word starts the next attempt.
    return {
      model: { ...model, phase: 'error', problem: { kind: 'unreachable' }, recoveries: 0 },
      effects: [{ type: 'detach' }, { type: 'ask' }],
    };
  }
  const failures = model.failures + 1;
  const silent = failures <= silentFailures && problem.kind !== 'codec' && model.phase !== 'error';
  return {
    model: {
      ...model,
      phase: silent ? 'loading' : 'error',
      problem: silent ? null : problem,
      failures,
      recoveries: 0,
    },
    effects: [{ type: 'detach' }, { type: 'plan-retry', attempt: failures }, { type: 'ask' }],
  };
}

function stay(model: Model): Step {
  return { model, effects: [] };
}
