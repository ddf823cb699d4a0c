import type { LevelDetails } from 'hls.js';

/** A part that ends no further than this behind what is buffered is there: times of playlist and media differ by less. */
const leastSeconds = 0.015;

/** Whether the playlist knows a part of fragment `sn` that is not loaded and lies behind `position`, the end of the buffer in seconds. */
export function hasPartToCome(details: Pick<LevelDetails, 'partList'>, sn: number | 'initSegment', position: number): boolean {
  return (details.partList ?? []).some(
    (part) => part.fragment.sn === sn && !part.loaded && !part.gap && part.end > position + leastSeconds,
  );
}

/**
 * Whether what the playlist knows of fragment `sn` lies before `position` without having been loaded: it was loaded from another
 * playlist, in front of a change of the edge in mid-segment.
 */
export function wasLoadedElsewhere(details: Pick<LevelDetails, 'partList'>, sn: number | 'initSegment', position: number): boolean {
  const parts = (details.partList ?? []).filter((part) => part.fragment.sn === sn && !part.gap);
  return parts.some((part) => !part.loaded) && parts.every((part) => part.loaded || part.end <= position + leastSeconds);
}
