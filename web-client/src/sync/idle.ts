/** Resolves after `afterMs`, when the browser has nothing else to do; or at once when `signal` aborts. */
export function idleMoment(afterMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(() => {
      // Safari does not tell.
      if ("requestIdleCallback" in window) requestIdleCallback(done);
      else done();
    }, afterMs);
    signal.addEventListener("abort", done);
  });
}

/** Whether the person has asked the browser to use as little data as it can. Not every browser can be asked. */
export function savesData(): boolean {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}
