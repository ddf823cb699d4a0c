/** One variant that can be chosen. */
export interface Quality {
  /** The engine's index of it. */
  readonly index: number;
  readonly height: number;
  readonly frameRate: number;
  readonly bitsPerSecond: number;
}

export interface QualityChoice extends Quality {
  readonly label: string;
}

/** `1080p60`, `720p`; `Audio only` without a picture. Frame rates up to 30 are not worth words. */
export function qualityLabel(height: number, frameRate: number): string {
  if (height <= 0) return 'Audio only';
  const fps = Math.round(frameRate);
  return fps > 30 ? `${height}p${fps}` : `${height}p`;
}

/** The menu, best first; the bitrate is added where two entries would read the same. */
export function qualityMenu(qualities: readonly Quality[]): QualityChoice[] {
  const sorted = [...qualities].sort((a, b) => b.height - a.height || b.bitsPerSecond - a.bitsPerSecond);
  const plain = sorted.map((quality) => qualityLabel(quality.height, quality.frameRate));
  return sorted.map((quality, i) => {
    const label = plain[i] ?? '';
    const ambiguous = plain.filter((other) => other === label).length > 1 && quality.bitsPerSecond > 0;
    return { ...quality, label: ambiguous ? `${label}, ${(quality.bitsPerSecond / 1e6).toFixed(1)} Mbit/s` : label };
  });
}
