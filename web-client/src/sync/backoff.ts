export const FIRST_DELAY_MS = 250;
export const LONGEST_DELAY_MS = 15_000;

/**
 * How long to wait before the next attempt: doubling, capped, and spread over its upper half, so that
 * a hundred phones that lost one server do not come back in the same instant.
 */
export function retryDelay(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(failures, 10));
  return ceiling / 2 + (random() * ceiling) / 2;
}
