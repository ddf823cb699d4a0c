const families: readonly (readonly [prefix: string, name: string])[] = [
  ['avc', 'H.264'],
  ['hvc1', 'H.265 (HEVC)'],
  ['hev1', 'H.265 (HEVC)'],
  ['dvh', 'Dolby Vision'],
  ['av01', 'AV1'],
  ['vp09', 'VP9'],
  ['vp08', 'VP8'],
  ['mp4a.40.34', 'MP3'],
  ['mp4a.6', 'MP3'],
  ['mp4a', 'AAC'],
  ['mp3', 'MP3'],
  ['opus', 'Opus'],
  ['flac', 'FLAC'],
  ['ec-3', 'Dolby Digital Plus (E-AC-3)'],
  ['ac-3', 'Dolby Digital (AC-3)'],
];

/** A codec string (RFC 6381) with the name people know: `hvc1.1.6.L93.B0` → `H.265 (HEVC), hvc1.1.6.L93.B0`. */
export function describeCodec(codec: string): string {
  const lower = codec.toLowerCase();
  const family = families.find(([prefix]) => lower.startsWith(prefix));
  return family ? `${family[1]}, ${codec}` : codec;
}

/** Every codec that a multivariant playlist names in CODECS attributes, once each, in order. */
export function codecsInPlaylist(playlist: string): string[] {
  const found = new Set<string>();
  for (const match of playlist.matchAll(/[:,]CODECS="([^"]*)"/g)) {
    for (const codec of (match[1] ?? '').split(',')) {
      if (codec.trim() !== '') found.add(codec.trim());
    }
  }
  return [...found];
}

/** Those of `codecs` that are refused as video and as audio by `isTypeSupported`. */
export function unsupportedCodecs(codecs: readonly string[], isTypeSupported: (type: string) => boolean): string[] {
  return codecs.filter(
    (codec) => !isTypeSupported(`video/mp4; codecs="${codec}"`) && !isTypeSupported(`audio/mp4; codecs="${codec}"`),
  );
}
