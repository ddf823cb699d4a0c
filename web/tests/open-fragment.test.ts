import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasPartToCome, wasLoadedElsewhere } from '../src/player/open-fragment.ts';

type Details = Parameters<typeof hasPartToCome>[0];

/** Segment 5 with parts of 0.32 s from 10.005 s on and a last one of 0.085 s; `loaded` of them are. */
function segment(loaded: number, parts = 7): Details {
  const list = Array.from({ length: parts }, (_, i) => ({
    fragment: { sn: 5 },
    loaded: i < loaded,
    gap: false,
    end: 10.005 + Math.min((i + 1) * 0.32, 2.005),
  }));
  return { partList: list } as unknown as Details;
}

test('HasPartToCome_ShortLastPartBehindTheBuffer_IsToCome', () => {
  assert.equal(hasPartToCome(segment(6), 5, 11.9246), true);
});

test('HasPartToCome_AllPartsLoaded_NothingIs', () => {
  assert.equal(hasPartToCome(segment(7), 5, 12.0096), false);
});

test('HasPartToCome_PartsBeforeTheBufferLeftOutByASwitch_AreNot', () => {
  const details = segment(0);
  assert.equal(hasPartToCome(details, 5, 12.005), false);
});

test('HasPartToCome_AnotherSegmentOrNoParts_NothingIs', () => {
  assert.equal(hasPartToCome(segment(6), 6, 11.9246), false);
  assert.equal(hasPartToCome({ partList: null } as unknown as Details, 5, 11), false);
});

test('WasLoadedElsewhere_PartsBeforeTheBufferLeftOutByASwitch_IsTrueUntilOneIsToCome', () => {
  const details = segment(7);
  // The first two came from another edge.
  details.partList!.slice(0, 2).forEach((part) => Object.assign(part, { loaded: false }));
  assert.equal(wasLoadedElsewhere(details, 5, 12.002), true);
  assert.equal(wasLoadedElsewhere(details, 5, 10.3), false);
  assert.equal(wasLoadedElsewhere(details, 6, 12.002), false);
  assert.equal(wasLoadedElsewhere(segment(7), 5, 12.002), false);
});
