/**
 * Milliseconds to wait before attempt number `attempt` (1 = first retry): doubling from `firstMs`, at most `maxMs`,
 * spread by ±20 % so that the viewers of a restarted server do not come back in one instant.
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number, random: () => number = Math.random): number {
  const exponent = Math.min(Math.max(attempt, 1) - 1, 20);
  const delay = Math.min(firstMs * 2 ** exponent, maxMs);
  return Math.round(delay * (0.8 + 0.4 * random()));
}
