/** What is left of the buffer when a segment has been loaded at the quality it was begun with: with less, playback would stand still. */
const reserveSeconds = 0.6;
/** What it takes to go to another quality in mid-segment beside the media: its playlist, its header, a moment. */
const switchSeconds = 0.25;
/** As much of the network as a quality may take to be loaded without falling behind. */
const share = 0.85;

/** A segment that is being loaded part by part. */
export interface Loading {
  /** What can be played without a wait, seconds. */
  readonly bufferedSeconds: number;
  /** How long the segment is, and how much of it has been loaded, seconds. */
  readonly segmentSeconds: number;
  readonly loadedSeconds: number;
  /** The picture that shows is in this segment already. */
  readonly isPlaying: boolean;
  /** What the network carries now, bits per second. */
  readonly networkBitsPerSecond: number;
}

/**
 * The quality to go to in mid-segment, by its index in `bitsPerSecond` (ascending), or null to go on with `current`: a network
 * that got so slow that the segment's end would come after the buffer's. A segment is independent of others and
 * its parts are not, so the new quality begins with the segment's first part once more.
 */
export function rescueQuality(bitsPerSecond: readonly number[], current: number, loading: Loading): number | null {
  const network = loading.networkBitsPerSecond;
  const rest = Math.max(0, loading.segmentSeconds - loading.loadedSeconds);
  const going = (rest * (bitsPerSecond[current] ?? 0)) / network;
  // A browser does not go over to other pictures before their next key frame: up to the segment's end the last one would stand.
  const reserve = loading.isPlaying ? -rest : reserveSeconds;
  if (going <= rest || loading.bufferedSeconds - (going - rest) >= reserve) return null;
  const switching = (quality: number) => switchSeconds + (loading.loadedSeconds * bitsPerSecond[quality]!) / network;
  for (let quality = current - 1; quality > 0; quality--) {
    if (bitsPerSecond[quality]! <= share * network && switching(quality) < loading.bufferedSeconds) return quality;
  }
  // Late is better than later.
  return current > 0 && switching(0) < going ? 0 : null;
}
