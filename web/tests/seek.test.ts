import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toBroadcast, toClip } from '../src/api.ts';
import { broadcastFromPath, startFromQuery } from '../src/broadcast-id.ts';
import { commandForKey } from '../src/player/keys.ts';
import { initial, step } from '../src/player/machine.ts';
import { MediaClock } from '../src/player/media-clock.ts';
import { clockText, fractionOf, momentAt, momentText, spokenText, stepFrom } from '../src/player/seekable.ts';
import type { Seekable } from '../src/player/seekable.ts';

const live: Seekable = { start: 100, end: 3800, position: 3700, live: true, atLive: false };
const over: Seekable = { start: 0, end: 3723, position: 65.9, live: false, atLive: false };

test('MediaClock_PublisherWasAway_TimeOffAirDoesNotCount', () => {
  const clock = new MediaClock([{ start: 0, dateMs: 1_000_000 }, { start: 60, dateMs: 1_100_000 }, { start: 90, dateMs: 1_200_000 }]);
  assert.equal(clock.secondsAt(1_030_000), 30);
  assert.equal(clock.secondsAt(1_080_000), 60, 'off air: where the publisher came back');
  assert.equal(clock.secondsAt(1_110_500), 70.5);
  assert.equal(clock.secondsAt(1_230_000), 120);
  assert.equal(clock.secondsAt(990_000), -10);
  for (const second of [0, 12.5, 59.9, 60, 75, 90, 500]) assert.equal(clock.secondsAt(clock.dateAt(second)), second);
});

test('StepFrom_BeyondTheEnds_StaysWithin', () => {
  assert.equal(stepFrom(live, -10), 3690);
  assert.equal(stepFrom(live, 1000), 3800);
  assert.equal(stepFrom(over, -100), 0);
});

test('Bar_PlacesAndMoments_AreEachOthersInverse', () => {
  for (const fraction of [0, 0.25, 0.5, 1]) assert.equal(fractionOf(live, momentAt(live, fraction)), fraction);
  assert.equal(fractionOf(live, -5), 0);
  assert.equal(fractionOf(live, 1e9), 1);
  assert.equal(fractionOf({ ...live, end: 100 }, 100), 1);
});

test('Texts_LiveAndOver_CountFromLiveAndFromTheBeginning', () => {
  assert.equal(clockText(3723.9), '1:02:03');
  assert.equal(clockText(59), '0:59');
  assert.equal(momentText(live, 3700), '\u22121:40');
  assert.equal(momentText(live, 3800), 'Live');
  assert.equal(momentText(over, 65), '1:05');
  assert.equal(spokenText(live), '1 minute 40 seconds behind live');
  assert.equal(spokenText({ ...live, atLive: true }), 'Live');
  assert.equal(spokenText(over), '1 minute 6 seconds of 1 hour 2 minutes 3 seconds');
});

test('CommandForKey_SeekKeys_BelongToTheBarWhileItHasTheFocus', () => {
  const keys = [['ArrowLeft', 'back'], ['ArrowRight', 'forward'], ['Home', 'go-first'], ['End', 'go-last']] as const;
  for (const [key, command] of keys) {
    assert.equal(commandForKey(key, false, 'page'), command);
    assert.equal(commandForKey(key, false, 'slider'), null);
    assert.equal(commandForKey(key, false, 'field'), null);
    assert.equal(commandForKey(key, true, 'page'), null);
  }
  assert.equal(commandForKey('j', false, 'slider'), 'far-back');
  assert.equal(commandForKey('L', false, 'page'), 'far-forward');
});

test('BroadcastFromPath_Paths_GiveIdsOnly', () => {
  const id = '01kb2c3d4e5f6g7h8j9kmnpqrs';
  assert.equal(broadcastFromPath(`/b/${id}`), id);
  for (const path of ['/b/', `/b/${id}/`, `/b/${id}x`, `/b/${id.toUpperCase()}`, `/c/${id}`, '/b/01kb2c3d4e5f6g7h8j9kmnpqri']) {
    assert.equal(broadcastFromPath(path), null, path);
  }
});

test('StartFromQuery_Seconds_AreReadAndNothingElse', () => {
  assert.equal(startFromQuery('?t=90.5'), 90.5);
  for (const query of ['', '?t=', '?t=-1', '?t=1e9', '?t=99999999', '?t=x']) assert.equal(startFromQuery(query), null, query);
});

test('Move_WhilePlayingOrAtTheEnd_AttachesTheSameBroadcast', () => {
  const playing = step(step(initial, { type: 'channel', broadcast: 'a' }).model, { type: 'playing' }).model;
  const moved = step(playing, { type: 'move' });
  assert.deepEqual(moved.effects, [{ type: 'attach' }]);
  assert.equal(moved.model.phase, 'loading');
  const ended = step(step(playing, { type: 'channel', broadcast: null }).model, { type: 'ended' }).model;
  assert.equal(step(ended, { type: 'move' }).model.attached, 'a');
  assert.deepEqual(step(initial, { type: 'move' }).effects, []);
});

test('ToBroadcast_AnswersOfTheServer_KeepWhatIsSaid', () => {
  const said = { id: 'x', channel: 'studio', live: true, startedAt: '2026-11-26T20:00:00Z', duration: 12.5, dvr: 'window', rewindableFrom: 3, periods: [{ start: 0, date: '2026-11-26T20:00:01Z' }, { start: 'no' }] };
  const broadcast = toBroadcast(said)!;
  assert.deepEqual([broadcast.rewinds, broadcast.rewindableFrom, broadcast.periods.length, broadcast.clipName], [true, 3, 1, null]);
  assert.equal(toBroadcast({ ...said, dvr: 'off' })!.rewinds, false);
  assert.equal(toBroadcast({ ...said, id: 1 }), null);
});

test('ToClip_AnswersOfTheServer_KeepWhatIsSaid', () => {
  assert.deepEqual(toClip({ id: 'x', name: 'The goal', duration: 12.5, bytes: 1 }), { id: 'x', name: 'The goal', duration: 12.5 });
  for (const wrong of [null, {}, { id: 'x' }, { id: 1, name: 'y' }]) assert.equal(toClip(wrong), null);
});
