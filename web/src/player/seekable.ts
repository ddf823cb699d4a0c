/** What can be seeked to, and where playback is: seconds on the broadcast's clock. */
export interface Seekable {
  readonly start: number;
  readonly end: number;
  readonly position: number;
  /** It is on air: the end moves on. */
  readonly live: boolean;
  /** Playback is at the live edge. */
  readonly atLive: boolean;
}

/** How far the arrow keys go, and J and L. */
export const smallStep = 5;
export const largeStep = 10;

/** Where a step leads, within what there is. */
export function stepFrom(seekable: Seekable, seconds: number): number {
  return Math.min(seekable.end, Math.max(seekable.start, seekable.position + seconds));
}

/** How much of the bar lies before a moment, 0 to 1; all of it for an empty bar. */
export function fractionOf(seekable: Seekable, seconds: number): number {
  const length = seekable.end - seekable.start;
  return length <= 0 ? 1 : Math.min(1, Math.max(0, (seconds - seekable.start) / length));
}

/** The moment at a place of the bar, 0 to 1. */
export function momentAt(seekable: Seekable, fraction: number): number {
  return seekable.start + Math.min(1, Math.max(0, fraction)) * (seekable.end - seekable.start);
}

/** `1:02:03`, or `2:03` below an hour. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

/** A moment as viewers count: back from live while that moves, from the beginning afterwards. */
export function momentText(seekable: Seekable, seconds: number): string {
  if (!seekable.live) return clockText(seconds - seekable.start);
  const behind = Math.round(seekable.end - seconds);
  return behind <= 0 ? 'Live' : `\u2212${clockText(behind)}`;
}

/** The same for those who hear it. */
export function spokenText(seekable: Seekable): string {
  if (!seekable.live) return `${spokenDuration(seekable.position - seekable.start)} of ${spokenDuration(seekable.end - seekable.start)}`;
  return seekable.atLive ? 'Live' : `${spokenDuration(seekable.end - seekable.position)} behind live`;
}

function spokenDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 3600), 'hour'],
    [Math.floor(whole / 60) % 60, 'minute'],
    [whole % 60, 'second'],
  ] as const;
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}${count === 1 ? '' : 's'}`);
  return said.length === 0 ? '0 seconds' : said.join(' ');
}
