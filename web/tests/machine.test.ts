import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initial, step } from '../src/player/machine.ts';
import type { Effect, Input, Model } from '../src/player/machine.ts';

const live = (broadcast: string): Input => ({ type: 'channel', broadcast });
const offline: Input = { type: 'channel', broadcast: null };
const network: Input = { type: 'failed', problem: { kind: 'network', detail: 'status 503' } };
const codec: Input = { type: 'failed', problem: { kind: 'codec', codecs: ['H.265'] } };

/** Feeds `inputs` one by one: the model at the end, and the effects of the last input alone. */
function run(...inputs: Input[]): { model: Model; effects: Effect['type'][] } {
  let model = initial;
  let effects: readonly Effect[] = [];
  for (const input of inputs) ({ model, effects } = step(model, input));
  return { model, effects: effects.map((effect) => effect.type) };
}

test('Channel_Offline_Waits', () => {
  const { model, effects } = run(offline);
  assert.equal(model.phase, 'waiting');
  assert.deepEqual(effects, []);
});

test('Waiting_ChannelGoesLive_AttachesByItself', () => {
  const { model, effects } = run(offline, live('a'));
  assert.equal(model.phase, 'loading');
  assert.equal(model.attached, 'a');
  assert.deepEqual(effects, ['attach']);
});

test('Loading_SameBroadcastReportedAgain_AttachesOnce', () => {
  assert.deepEqual(run(live('a'), live('a')).effects, []);
});

test('Playing_AudioJoinsTheBroadcast_StartsAnew', () => {
  const channel = (...tracks: string[]): Input => ({ type: 'channel', broadcast: 'a', tracks });
  const silent = run(channel('video'), { type: 'playing' }, channel('video'));
  assert.deepEqual(silent.effects, []);
  assert.deepEqual(step(silent.model, channel('video', 'audio')).effects, [{ type: 'attach' }]);
  // A track that goes needs nothing, and neither does one that was not known at the start.
  assert.deepEqual(run(channel('video', 'audio'), { type: 'playing' }, channel('video')).effects, []);
  assert.deepEqual(run(channel(), { type: 'playing' }, channel('video', 'audio')).effects, []);
});

test('Playing_StallAndPlayOn_ReturnsToPlaying', () => {
  const stalled = run(live('a'), { type: 'playing' }, { type: 'stalled' });
  assert.equal(stalled.model.phase, 'stalled');
  assert.deepEqual(stalled.effects, ['ask']);
  assert.equal(step(stalled.model, { type: 'playing' }).model.phase, 'playing');
});

test('Playing_ChannelOffline_PlaysToTheEndOfTheMedia', () => {
  const over = run(live('a'), { type: 'playing' }, offline);
  assert.equal(over.model.phase, 'playing');
  const ended = step(over.model, { type: 'ended' });
  assert.equal(ended.model.phase, 'ended');
  assert.deepEqual(ended.effects.map((effect) => effect.type), ['detach', 'ask']);
});

test('Stalled_ChannelOffline_Ends', () => {
  const { model, effects } = run(live('a'), { type: 'playing' }, { type: 'stalled' }, offline);
  assert.equal(model.phase, 'ended');
  assert.deepEqual(effects, ['detach']);
});

test('Stalled_AnotherBroadcastOnAir_AttachesIt', () => {
  const { model, effects } = run(live('a'), { type: 'playing' }, { type: 'stalled' }, live('b'));
  assert.equal(model.attached, 'b');
  assert.deepEqual(effects, ['attach']);
});

test('Stalled_Starved_SaysSoUntilItPlays', () => {
  const { model } = run(live('a'), { type: 'playing' }, { type: 'stalled' }, { type: 'starved' });
  assert.equal(model.phase, 'stalled');
  assert.equal(model.problem?.kind, 'starved');
  assert.equal(step(model, { type: 'playing' }).model.problem, null);
});

test('Loading_NothingComes_SaysSo', () => {
  const { model } = run(live('a'), { type: 'starved' });
  assert.equal(model.phase, 'loading');
  assert.equal(model.problem?.kind, 'starved');
  assert.equal(run(offline, { type: 'starved' }).model.problem, null);
});

test('Stuck_MediaAtHandThatDoesNotPlay_StartsAnew', () => {
  const { effects } = run(live('a'), { type: 'playing' }, { type: 'stalled' }, { type: 'stuck' });
  assert.deepEqual(effects, ['detach', 'plan-retry', 'ask']);
});

test('Ended_SameBroadcastStillCalledLive_IsNotPlayedAgainAtOnce', () => {
  const { model, effects } = run(live('a'), { type: 'playing' }, { type: 'ended' }, live('a'));
  assert.equal(model.phase, 'ended');
  assert.deepEqual(effects, []);
});

test('Ended_SameBroadcastCalledLiveFiveTimes_IsBelieved', () => {
  const { effects } = run(live('a'), { type: 'playing' }, { type: 'ended' }, ...Array.from({ length: 5 }, () => live('a')));
  assert.deepEqual(effects, ['attach']);
});

test('Ended_NextBroadcast_AttachesByItself', () => {
  const { model, effects } = run(live('a'), { type: 'playing' }, offline, { type: 'ended' }, live('b'));
  assert.equal(model.phase, 'loading');
  assert.deepEqual(effects, ['attach']);
});

test('Ended_NextBroadcastKnownAlready_AttachesWithoutAsking', () => {
  assert.deepEqual(run(live('a'), { type: 'playing' }, live('b'), { type: 'ended' }).effects, ['attach']);
});

test('Loading_NoAnswer_IsAnErrorUntilTheServerIsBack', () => {
  const gone = run({ type: 'unreachable' });
  assert.equal(gone.model.phase, 'error');
  assert.equal(gone.model.problem?.kind, 'unreachable');
  const back = step(gone.model, live('a'));
  assert.equal(back.model.problem, null);
  assert.deepEqual(back.effects, [{ type: 'attach' }]);
});

test('Failed_ServerNotAnswering_IsNotRetriedBeforeItAnswers', () => {
  const gone = run(live('a'), { type: 'playing' }, { type: 'unreachable' }, network);
  assert.equal(gone.model.problem?.kind, 'unreachable');
  assert.deepEqual(gone.effects, ['detach', 'ask']);
  const again = step(gone.model, { type: 'retry' });
  assert.equal(again.model.problem?.kind, 'unreachable');
  assert.deepEqual(again.effects, [{ type: 'ask' }]);
  assert.deepEqual(step(again.model, live('a')).effects, [{ type: 'attach' }]);
});

test('Playing_NoAnswer_PlaysWhatIsBuffered', () => {
  assert.equal(run(live('a'), { type: 'playing' }, { type: 'unreachable' }).model.phase, 'playing');
});

test('Stalled_ServerRestartedWithoutTheBroadcast_EndsAndThenPlaysTheNext', () => {
  const ended = run(live('a'), { type: 'playing' }, { type: 'stalled' }, { type: 'unreachable' }, offline);
  assert.equal(ended.model.phase, 'ended');
  assert.deepEqual(step(ended.model, live('b')).effects, [{ type: 'attach' }]);
});

test('Failed_FirstTimes_RetriesSilentlyThenSaysWhy', () => {
  const once = run(live('a'), network);
  assert.equal(once.model.phase, 'loading');
  assert.deepEqual(once.effects, ['detach', 'plan-retry', 'ask']);
  const often = run(live('a'), network, { type: 'retry' }, network, { type: 'retry' }, network);
  assert.equal(often.model.phase, 'error');
  assert.equal(often.model.problem?.kind, 'network');
});

test('Failed_AgainAndAgain_NeverStopsTrying', () => {
  let model = run(live('a')).model;
  for (let attempt = 1; attempt <= 100; attempt++) {
    const failed = step(model, network);
    assert.deepEqual(failed.effects[1], { type: 'plan-retry', attempt });
    const again = step(failed.model, { type: 'retry' });
    assert.deepEqual(again.effects, [{ type: 'attach' }]);
    model = again.model;
  }
});

test('Failed_CodecRefused_SaysSoAtOnceAndKeepsSayingItWhileRetrying', () => {
  const refused = run(live('a'), codec);
  assert.equal(refused.model.phase, 'error');
  const again = step(refused.model, { type: 'retry' });
  assert.equal(again.model.phase, 'error');
  assert.equal(again.model.problem?.kind, 'codec');
  assert.equal(step(again.model, { type: 'playing' }).model.problem, null);
});

test('Failed_CodecRefusedThenAnotherBroadcast_AttachesAtOnce', () => {
  assert.deepEqual(run(live('a'), codec, live('b')).effects, ['attach']);
});

test('Failed_ChannelOffline_WaitsOrSaysItEnded', () => {
  assert.equal(run(live('a'), network, offline).model.phase, 'waiting');
  assert.equal(run(live('a'), { type: 'playing' }, network, offline).model.phase, 'ended');
});

test('MediaError_Twice_RecoversThenRestarts', () => {
  const error: Input = { type: 'media-error', detail: 'decode' };
  assert.deepEqual(run(live('a'), { type: 'playing' }, error).effects, ['recover']);
  assert.deepEqual(run(live('a'), { type: 'playing' }, error, { type: 'playing' }, error).effects, ['recover']);
  const third = run(live('a'), { type: 'playing' }, error, { type: 'playing' }, error, { type: 'playing' }, error);
  assert.deepEqual(third.effects, ['detach', 'plan-retry', 'ask']);
});

test('MediaError_AfterSteadyPlayback_RecoversAfresh', () => {
  const error: Input = { type: 'media-error', detail: 'decode' };
  const playing: Input = { type: 'playing' };
  assert.deepEqual(run(live('a'), playing, error, playing, error, playing, { type: 'steady' }, error).effects, ['recover']);
});

test('Paused_StallOrOffline_StaysPaused', () => {
  const paused = run(live('a'), { type: 'playing' }, { type: 'paused' });
  assert.equal(paused.model.phase, 'paused');
  assert.equal(step(paused.model, { type: 'stalled' }).model.phase, 'paused');
  assert.equal(step(paused.model, offline).model.phase, 'paused');
  assert.equal(step(paused.model, { type: 'resumed' }).model.phase, 'loading');
});

test('Detached_LateMediaEvents_ChangeNothing', () => {
  const waiting = run(offline).model;
  for (const type of ['playing', 'stalled', 'paused', 'ended', 'resumed', 'stuck', 'starved'] as const) {
    assert.equal(step(waiting, { type }).model, waiting, type);
  }
});

test('Unsupported_Browser_DoesNotTryAgain', () => {
  const model = { ...initial, phase: 'error', problem: { kind: 'unsupported' } } as const;
  assert.deepEqual(step(model, live('a')).effects, []);
  assert.equal(step(model, offline).model.problem?.kind, 'unsupported');
});
