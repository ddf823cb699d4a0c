import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rescueQuality } from '../src/player/rescue.ts';

const qualities = [250e3, 800e3, 2.5e6];
const begun = { bufferedSeconds: 1, segmentSeconds: 2, loadedSeconds: 0.3, isPlaying: false, networkBitsPerSecond: 1.5e6 };

test('Rescue_NetworkBelowTheQuality_GoesToTheBestThatFits', () => {
  assert.equal(rescueQuality(qualities, 2, begun), 1);
  assert.equal(rescueQuality(qualities, 2, { ...begun, networkBitsPerSecond: 0.6e6 }), 0);
});

test('Rescue_NetworkCarriesTheQuality_GoesOn', () => {
  assert.equal(rescueQuality(qualities, 2, { ...begun, networkBitsPerSecond: 2.6e6 }), null);
});

test('Rescue_BufferOutlastsTheSegment_GoesOn', () => {
  assert.equal(rescueQuality(qualities, 2, { ...begun, bufferedSeconds: 3 }), null);
  assert.equal(rescueQuality(qualities, 2, { ...begun, loadedSeconds: 1.8 }), null);
});

test('Rescue_NoTimeForTheBestThatFits_GoesToTheSmallest', () => {
  assert.equal(rescueQuality(qualities, 2, { ...begun, loadedSeconds: 1, bufferedSeconds: 0.6 }), 0);
});

test('Rescue_PictureOfTheSegmentShows_OnlyWhenTheWaitIsLongerThanAStandingPicture', () => {
  const playing = { ...begun, loadedSeconds: 1.2, isPlaying: true };
  assert.equal(rescueQuality(qualities, 2, playing), null);
  assert.equal(rescueQuality(qualities, 2, { ...playing, networkBitsPerSecond: 0.4e6 }), 0);
});

test('Rescue_SmallestQuality_GoesOn', () => {
  assert.equal(rescueQuality(qualities, 0, { ...begun, networkBitsPerSecond: 0.1e6 }), null);
});
