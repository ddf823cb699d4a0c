/** One tile of a sprite sheet: what to show for a moment of the broadcast. */
export interface Sprite {
  /** Seconds from the beginning of the broadcast's DVR timeline. */
  readonly start: number;
  readonly end: number;
  /** Absolute address of the sheet. */
  readonly sheet: string;
  /** The tile's place in the sheet, in samples. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** More than a week at the default interval; a longer text is not ours. */
const maxSprites = 100_000;

/**
 * Reads `/b/{broadcast}/sprites.vtt` (W3C WebVTT, with `#xywh=` of Media Fragments URI). Cues that name no tile are left out;
 * a text that is no WebVTT has none. `base` is the address that the text came from. The result is in the order of time.
 */
export function parseSprites(vtt: string, base: string): readonly Sprite[] {
  const lines = vtt.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  if (!/^WEBVTT([ \t].*)?$/.test(lines[0] ?? '')) return [];
  const sprites: Sprite[] = [];
  for (let i = 1; i < lines.length && sprites.length < maxSprites; i++) {
    const timing = /^(\S+)[ \t]+-->[ \t]+(\S+)/.exec(lines[i] ?? '');
    if (!timing) continue;
    const start = parseTime(timing[1] ?? '');
    const end = parseTime(timing[2] ?? '');
    const sprite = parsePlace(lines[++i] ?? '', base);
    if (start !== null && end !== null && end > start && sprite) sprites.push({ start, end, ...sprite });
  }
  return sprites.sort((a, b) => a.start - b.start);
}

/**
 * The tile for a moment: the last one that began by then, also beyond its end, because the index lags the live edge; the
 * first one for what is before it. Null when there is none at all.
 */
export function spriteAt(sprites: readonly Sprite[], seconds: number): Sprite | null {
  let low = 0;
  let high = sprites.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sprites[middle]!.start <= seconds) low = middle + 1;
    else high = middle;
  }
  return sprites[Math.max(0, low - 1)] ?? null;
}

/** `HH:MM:SS.mmm` or `MM:SS.mmm` in seconds. */
function parseTime(text: string): number | null {
  const parts = /^(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})$/.exec(text);
  return parts && Number(parts[1] ?? 0) * 3600 + Number(parts[2]) * 60 + Number(parts[3]) + Number(parts[4]) / 1000;
}

function parsePlace(text: string, base: string): Omit<Sprite, 'start' | 'end'> | null {
  const parts = /^(\S+)#xywh=(?:pixel:)?(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})$/.exec(text.trim());
  if (!parts) return null;
  const [x, y, width, height] = parts.slice(2).map(Number) as [number, number, number, number];
  if (width === 0 || height === 0) return null;
  try {
    return { sheet: new URL(parts[1]!, base).href, x, y, width, height };
  } catch {
    return null;
  }
}
