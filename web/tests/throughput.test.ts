import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Throughput } from '../src/player/throughput.ts';

const part = 1 / 3;
const bytesAt = (bitsPerSecond: number) => (bitsPerSecond * part) / 8;

/** Parts of a rendition over a network, one after the other, until the estimate is where it is wanted; how many it took. */
function partsUntil(throughput: Throughput, rendition: number, network: number, wanted: (estimate: number) => boolean): number {
  for (let parts = 0; parts < 1000; parts++) {
    if (wanted(throughput.bitsPerSecond)) return parts;
    throughput.observe(bytesAt(rendition), (rendition * part) / network, part);
  }
  return 1000;
}

test('Throughput_NothingObserved_IsTheGuess', () => {
  const throughput = new Throughput(3e6);
  assert.equal(throughput.isMeasured, false);
  assert.ok(Math.abs(throughput.bitsPerSecond - 3e6) < 1);
});

test('Throughput_NetworkCollapses_IsKnownWithinASecondOfMedia', () => {
  const throughput = new Throughput(20e6);
  partsUntil(throughput, 2.5e6, 20e6, () => throughput.isMeasured);
  assert.ok(partsUntil(throughput, 2.5e6, 1.5e6, (estimate) => estimate < 2.9e6) <= 3);
});

test('Throughput_NetworkRecoversOnTheLowestRendition_ComesUpWithinHalfAMinute', () => {
  const throughput = new Throughput(20e6);
  for (let parts = 0; parts < 30; parts++) throughput.observe(bytesAt(250e3), (250e3 * part) / 1.5e6, part);
  const parts = partsUntil(throughput, 250e3, 20e6, (estimate) => estimate * 0.7 > 2.9e6);
  assert.ok(parts > 10, `${parts}: one good part is not believed`);
  assert.ok(parts < 90, `${parts} parts`);
});

test('Throughput_OnePartHeldUpByTheProcessor_DoesNotForgetTheNetwork', () => {
  const throughput = new Throughput(20e6);
  partsUntil(throughput, 250e3, 20e6, () => throughput.bitsPerSecond > 8e6);
  throughput.observe(bytesAt(250e3), 5, part);
  assert.ok(throughput.bitsPerSecond > 250e3, `${throughput.bitsPerSecond}`);
});

test('Throughput_NoBytesOrNoMedia_IsNoSample', () => {
  const throughput = new Throughput(3e6);
  throughput.observe(0, 1, part);
  throughput.observe(1000, 1, 0);
  throughput.observe(1000, 1, Number.NaN);
  assert.equal(throughput.isMeasured, false);
});
