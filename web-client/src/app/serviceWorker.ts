/** A page younger than this has nothing in it yet that a reload could disturb. */
const FRESH_MS = 3_000;
const RELOADED = "fieldbook.reloaded-at";
const LOOK_FOR_UPDATES_EVERY_MS = 60 * 60 * 1_000;

/**
 * Lets the app open without a network, and keeps it up to date without ever asking or disturbing.
 *
 * A new version is fetched in the background and waits. It takes over when the app is opened the next time, before anybody has typed;
 * a page that is in use goes on with the version that it began with, and other tabs load the new one when they are next out of sight.
 */
export function registerServiceWorker(): void {
  if (!("serviceWorker" in navigator)) return;
  const hadController = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (hadController) reloadWhenHarmless();
  });
  // Part of a version that the server no longer has could not be loaded: only the new version will do.
  window.addEventListener("vite:preloadError", reloadOnce);
  navigator.serviceWorker.register("/sw.js").then(keepUpToDate, (error: unknown) => {
    console.warn("This page will not open offline.", error);
  });
}

function keepUpToDate(registration: ServiceWorkerRegistration): void {
  if (performance.now() < FRESH_MS) registration.waiting?.postMessage({ type: "SKIP_WAITING" });
  let lookedAt = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Date.now() - lookedAt < LOOK_FOR_UPDATES_EVERY_MS) return;
    lookedAt = Date.now();
    // Without a network this fails, which does not matter.
    registration.update().catch(() => {});
  });
}

/** Once in a while: where a reload does not help, another one will not either. */
function reloadOnce(): void {
  const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
  if (Date.now() - last < LOOK_FOR_UPDATES_EVERY_MS) return;
  sessionStorage.setItem(RELOADED, String(Date.now()));
  location.reload();
}

function reloadWhenHarmless(): void {
  if (performance.now() < FRESH_MS + 2_000) {
    location.reload();
    return;
  }
  document.addEventListener("visibilitychange", () => {
    // What was typed has been written to this device when the page was hidden (src/sync/wakeups.ts).
    if (document.visibilityState === "hidden") setTimeout(() => location.reload(), 1_000);
  });
}
