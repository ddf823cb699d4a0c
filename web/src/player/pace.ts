/** How far playback may drift from its target before its rate changes, and how near it must come before it is 1 again. */
const hurryBeyondSeconds = 0.8;
const restWithinSeconds = 0.35;
const waitBeyondSeconds = 0.3;
const waitedWithinSeconds = 0.1;
/** Beyond this a stall has cost so much that being quick matters more than being unheard. */
const farSeconds = 2.5;
/** With less than this in hand, playback is slowed: what comes late may still come in time. */
const shortSeconds = 0.5;
/** Beyond this catching up would take most of a minute: the way back to live is a jump. */
const lostSeconds = 12;

/**
 * The playback rate that keeps the distance to the live edge: 1.04 (1 s in 25 s, unnoticed), 1.1 when far behind, 1.25 when
 * farther still, 0.96 when nearer than it should be, 0.92 when hardly anything is left to play, else 1. Between two thresholds
 * it stays as it is: a rate that flickers around the target is heard sooner than one that holds.
 *
 * `lagSeconds` is the distance to the live edge beyond the target; `bufferedSeconds` what can be played without a wait.
 */
export function paceFor(rate: number, lagSeconds: number, bufferedSeconds: number): number {
  if (bufferedSeconds < shortSeconds) return 0.92;
  if (lagSeconds < -waitBeyondSeconds || (rate < 1 && lagSeconds < -waitedWithinSeconds)) return 0.96;
  // What is not there yet cannot be hurried through: a second has to stay for a part that is late.
  if (lagSeconds < restWithinSeconds || bufferedSeconds < 1) return 1;
  if (lagSeconds > 2 * farSeconds && bufferedSeconds > 2) return 1.25;
  if (lagSeconds > farSeconds) return 1.1;
  if (lagSeconds > hurryBeyondSeconds) return 1.04;
  return rate > 1 ? 1.04 : 1;
}

/** Whether to jump to the live edge, being so far behind it that no hurry helps. */
export function isLost(lagSeconds: number): boolean {
  return lagSeconds > lostSeconds;
}

/**
 * Brings the element nearer to live, by its rate or by a jump. `lagSeconds` as above, null for a viewer who does not follow
 * live; `live` is where playback would be if it were live now, in the element's time.
 */
export function keepPace(video: HTMLVideoElement, lagSeconds: number | null, live: number | null): void {
  if (lagSeconds === null || video.paused) {
    if (video.playbackRate !== 1) video.playbackRate = 1;
    return;
  }
  // Not while it waits for media: a jump then would be one more stall.
  if (isLost(lagSeconds) && live !== null && Number.isFinite(live) && !video.seeking && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
    video.currentTime = live;
    return;
  }
  const ranges = video.buffered;
  const end = ranges.length > 0 ? ranges.end(ranges.length - 1) : video.currentTime;
  const rate = paceFor(video.playbackRate, lagSeconds, end - video.currentTime);
  if (rate !== video.playbackRate) video.playbackRate = rate;
}
