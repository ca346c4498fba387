import { expect, test } from "vitest";
import { FIRST_DELAY_MS, LONGEST_DELAY_MS, retryDelay } from "./backoff";

test("waits longer after each failure, up to a limit", () => {
  const longest = [0, 1, 2, 3, 20].map((failures) => retryDelay(failures, () => 1));
  expect(longest).toEqual([FIRST_DELAY_MS, 500, 1_000, 2_000, LONGEST_DELAY_MS]);
});

test("spreads over the upper half", () => {
  expect(retryDelay(3, () => 0)).toBe(1_000);
});
