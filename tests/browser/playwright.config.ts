import { defineConfig } from "@playwright/test";

/** The browser is the machine's own: nothing is downloaded. */
const executablePath = process.env.CHROMIUM_BIN ?? "/usr/bin/chromium";

export default defineConfig({
  testDir: "./specs",
  outputDir: "./test-results",
  // Machines are shared; what passes only the second time is reported as flaky.
  retries: 2,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  workers: 1,
  forbidOnly: Boolean(process.env.CI),
  reporter: [["list"]],
  use: {
    launchOptions: {
      executablePath,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
  },
});
