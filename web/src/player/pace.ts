/** How far playback may drift from its target before it is hurried, and how near it must come before it is not. */
const hurryBeyondSeconds = 0.8;
const restWithinSeconds = 0.35;
/** Beyond this a stall has cost so much that being quick matters more than being unheard. */
const farSeconds = 3;

/**
 * The playback rate that follows the live edge: 1.04 (1 s in 25 s, unnoticed), 1.08 when far behind, else 1. Between
 * the two thresholds it stays as it is: a rate that flickers around the target is heard sooner than one that holds.
 *
 * `lagSeconds` is the distance to the live edge beyond the target; `bufferedSeconds` what can be played without a wait.
 */
export function paceFor(rate: number, lagSeconds: number, bufferedSeconds: number): number {
  if (lagSeconds < restWithinSeconds || bufferedSeconds < 0.5) return 1;
  if (lagSeconds > farSeconds) return 1.08;
  if (lagSeconds > hurryBeyondSeconds) return 1.04;
  return rate > 1 ? 1.04 : 1;
}
