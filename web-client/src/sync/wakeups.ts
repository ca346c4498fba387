import type { SocketAdapter } from "./socketAdapter";

/** While somebody looks, a dead socket is found within this time and the deadline of a ping. */
const QUIET_PING_MS = 10_000;

/**
 * Tells the adapter when the world may have changed: the network came back, the page was shown again, a phone woke up.
 * `onLeave` runs whenever this may be the last moment of the page's life. Returns how to stop.
 */
export function watchTheWorld(adapter: SocketAdapter, onLeave: () => void): () => void {
  const wake = () => adapter.wake();
  const lose = () => adapter.lose();
  const changed = () => (document.visibilityState === "visible" ? adapter.wake() : onLeave());
  const ping = setInterval(() => {
    if (document.visibilityState === "visible") adapter.ping();
  }, QUIET_PING_MS);
  window.addEventListener("online", wake);
  window.addEventListener("offline", lose);
  // A page that comes back from the back/forward cache on iOS fires pageshow only.
  window.addEventListener("pageshow", wake);
  window.addEventListener("pagehide", onLeave);
  document.addEventListener("visibilitychange", changed);
  return () => {
    clearInterval(ping);
    window.removeEventListener("online", wake);
    window.removeEventListener("offline", lose);
    window.removeEventListener("pageshow", wake);
    window.removeEventListener("pagehide", onLeave);
    document.removeEventListener("visibilitychange", changed);
  };
}
