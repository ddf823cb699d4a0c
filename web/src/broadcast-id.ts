/** The broadcast named by a path `/b/{broadcast}`, or null when that cannot be one: 26 characters of Crockford's base 32. */
export function broadcastFromPath(path: string): string | null {
  return /^\/b\/([0-9a-hjkmnp-tv-z]{26})$/.exec(path)?.[1] ?? null;
}

/** Where a page was asked to begin, `?t=` in seconds; null when it says nothing that could be meant. */
export function startFromQuery(query: string): number | null {
  const text = new URLSearchParams(query).get('t') ?? '';
  return /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : null;
}
