import { defineConfig } from "vitest/config";

// Run by stories/conformance.test.ts, which says what must come out. The deadline is longer than a stock client's 5 s
// between two attempts to connect, which one of the tests needs.
export default defineConfig({
  test: { include: ["conformance/**/*.test.ts"], testTimeout: 15_000, hookTimeout: 60_000 },
});
