import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../src/backoff.ts';
import { channelFromPath } from '../src/channel-name.ts';
import { ServerClock } from '../src/clock.ts';
import { durationText } from '../src/duration.ts';
import { codecsInPlaylist, describeCodec, unsupportedCodecs } from '../src/player/codecs.ts';
import { commandForKey } from '../src/player/keys.ts';
import { isLost, paceFor } from '../src/player/pace.ts';
import { parsePreferences } from '../src/player/preferences.ts';
import { describeProblem } from '../src/player/problem.ts';
import { qualityLabel, qualityMenu } from '../src/player/quality.ts';

test('Backoff_Attempts_DoubleUpToTheLimit', () => {
  const delays = [1, 2, 3, 4, 5, 100].map((attempt) => backoffMs(attempt, 1000, 8000, () => 0.5));
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 8000, 8000]);
  assert.equal(backoffMs(1, 1000, 8000, () => 0), 800);
});

test('ServerClock_LocalClockWithinTheHeadersSecond_IsTrusted', () => {
  const clock = new ServerClock();
  clock.observe(10_000, 10_300, 10_350);
  assert.equal(clock.offsetMs, 0);
});

test('ServerClock_LocalClockFiveSecondsBehind_IsFoundMoreExactlyWithEachAnswer', () => {
  const clock = new ServerClock();
  for (const local of [5_100, 7_350, 9_600, 11_850, 14_105]) {
    const server = local + 5000;
    clock.observe(Math.floor(server / 1000) * 1000, local - 10, local + 10);
  }
  assert.ok(Math.abs(clock.offsetMs - 5000) < 150, `${clock.offsetMs}`);
});

test('ServerClock_HeaderIsASecondOld_LocalClockIsStillTrusted', () => {
  const clock = new ServerClock();
  clock.observe(10_000, 11_600, 11_650);
  assert.equal(clock.offsetMs, 0);
});

test('ServerClock_ClockWasSet_ForgetsTheOldBounds', () => {
  const clock = new ServerClock();
  clock.observe(10_000, 10_300, 10_350);
  clock.observe(70_000, 10_800, 10_850);
  assert.ok(clock.offsetMs > 59_000);
});

test('ServerClock_NoHeader_IsIgnored', () => {
  const clock = new ServerClock();
  clock.observe(Number.NaN, 1, 2);
  assert.equal(clock.offsetMs, 0);
});

test('ChannelFromPath_Paths_GiveValidNamesOnly', () => {
  assert.equal(channelFromPath('/c/news_24-b'), 'news_24-b');
  assert.equal(channelFromPath('/embed/abc/'), 'abc');
  for (const path of ['/c/ab', '/c/ABC', '/c/a%2Fb', '/c/%zz', '/c/', '/c/abc/def', `/c/${'a'.repeat(65)}`, '/']) {
    assert.equal(channelFromPath(path), null, path);
  }
});

test('CodecsInPlaylist_Variants_GivesEachOnce', () => {
  const playlist = [
    '#EXTM3U',
    '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="hvc1.1.6.L93.B0,mp4a.40.2",SUPPLEMENTAL-CODECS="dvh1.08.07/db4h"',
    'a.m3u8',
    '#EXT-X-STREAM-INF:CODECS="mp4a.40.2"',
    'b.m3u8',
  ].join('\n');
  assert.deepEqual(codecsInPlaylist(playlist), ['hvc1.1.6.L93.B0', 'mp4a.40.2']);
});

test('UnsupportedCodecs_BrowserWithoutHevc_NamesIt', () => {
  const refused = unsupportedCodecs(['hvc1.1.6.L93.B0', 'mp4a.40.2'], (type) => type.startsWith('audio/') && type.includes('mp4a'));
  assert.deepEqual(refused, ['hvc1.1.6.L93.B0']);
  assert.equal(describeCodec('hvc1.1.6.L93.B0'), 'H.265 (HEVC), hvc1.1.6.L93.B0');
  assert.equal(describeCodec('mp4a.40.34'), 'MP3, mp4a.40.34');
  assert.equal(describeCodec('xyz1'), 'xyz1');
});

test('DescribeProblem_Codec_NamesIt', () => {
  assert.match(describeProblem({ kind: 'codec', codecs: ['H.265', 'MP3'] }).text, /H\.265 and MP3/);
  assert.match(describeProblem({ kind: 'codec', codecs: [] }).text, /codec/);
});

test('QualityMenu_Variants_BestFirstAndDistinct', () => {
  const quality = (index: number, height: number, frameRate: number, bitsPerSecond: number) => ({ index, height, frameRate, bitsPerSecond });
  const menu = qualityMenu([
    quality(0, 360, 30, 8e5),
    quality(1, 1080, 59.94, 6e6),
    quality(2, 720, 30, 3e6),
    quality(3, 720, 25, 2e6),
    quality(4, 0, 0, 1e5),
  ]);
  assert.deepEqual(menu.map((entry) => entry.label), ['1080p60', '720p, 3.0 Mbit/s', '720p, 2.0 Mbit/s', '360p', 'Audio only']);
  assert.deepEqual(menu.map((entry) => entry.index), [1, 2, 3, 0, 4]);
  assert.equal(qualityLabel(480, Number.NaN), '480p');
});

test('CommandForKey_FocusAndModifiers_AreRespected', () => {
  assert.equal(commandForKey(' ', false, 'page'), 'toggle-play');
  assert.equal(commandForKey(' ', false, 'button'), null);
  assert.equal(commandForKey('K', false, 'button'), 'toggle-play');
  assert.equal(commandForKey('m', true, 'page'), null);
  assert.equal(commandForKey('m', false, 'field'), null);
  assert.equal(commandForKey('ArrowUp', false, 'page'), 'volume-up');
  assert.equal(commandForKey('ArrowUp', false, 'slider'), null);
  assert.equal(commandForKey('Escape', false, 'page'), null);
});

test('ParsePreferences_Anything_GivesUsableValues', () => {
  assert.deepEqual(parsePreferences('{"volume":0.3,"muted":true}'), { volume: 0.3, muted: true });
  for (const text of [null, '', 'null', '{', '{"volume":7}', '{"volume":"loud","muted":1}', '[]']) {
    assert.deepEqual(parsePreferences(text), { volume: 1, muted: false }, String(text));
  }
});

test('DurationText_Durations_ReadWell', () => {
  assert.equal(durationText(-5), 'under a minute');
  assert.equal(durationText(61_000), '1 min');
  assert.equal(durationText(3 * 3_600_000 + 5 * 60_000), '3 h 05 min');
});

test('PaceFor_Lag_HurriesWithHysteresis', () => {
  assert.equal(paceFor(1, 0.5, 1.5), 1);
  assert.equal(paceFor(1, 0.9, 1.5), 1.04);
  assert.equal(paceFor(1.04, 0.5, 1.5), 1.04);
  assert.equal(paceFor(1.04, 0.3, 1.5), 1);
  assert.equal(paceFor(1, 3, 4), 1.1);
  assert.equal(paceFor(1.1, 2, 4), 1.04);
  assert.equal(paceFor(1, 6, 4), 1.25);
  assert.equal(paceFor(1, 6, 1.5), 1.1);
  assert.equal(paceFor(1.04, 2, 0.9), 1);
  assert.equal(paceFor(1, 0, 0.4), 0.92);
  assert.equal(paceFor(0.92, 0, 0.6), 1);
  assert.equal(paceFor(1, -0.4, 1), 0.96);
  assert.equal(paceFor(0.96, -0.2, 1), 0.96);
  assert.equal(paceFor(0.96, 0, 1), 1);
});

test('IsLost_AQuarterOfAMinuteBehind_JumpsAndNoSooner', () => {
  assert.equal(isLost(15), true);
  assert.equal(isLost(8), false);
});
