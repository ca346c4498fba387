import { useCallback, useEffect, useRef } from "react";
import type { BodyEditor } from "~/editor/bodyEditor";
import type { OpenDocument } from "~/sync/openDocument";
import type { Presence } from "~/sync/presence";

/** Without a sign of life for this long, somebody counts as idle. */
const IDLE_AFTER_MS = 60_000;

/** Tells the others where we are, and whether we are looking. Returns what to call when the caret may have moved. */
export function usePresence(open: OpenDocument, editor: BodyEditor | null): () => void {
  const lastActive = useRef(Date.now());
  const current = useRef(editor);
  current.current = editor;

  const mine = useCallback((): Presence => {
    if (document.visibilityState !== "visible") return { state: "away", caret: null };
    const idle = Date.now() - lastActive.current >= IDLE_AFTER_MS;
    return { state: idle ? "idle" : "active", caret: current.current?.caret() ?? null };
  }, []);
  const tell = useCallback(() => open.presence.tell(mine), [open, mine]);
  const active = useCallback(() => {
    lastActive.current = Date.now();
    tell();
  }, [tell]);

  useEffect(() => {
    const signs = ["pointerdown", "keydown", "scroll"] as const;
    let last = 0;
    // A scroll fires at every frame; one sign of life a second will do.
    const onSign = () => {
      if (Date.now() - last < 1_000) return;
      last = Date.now();
      active();
    };
    for (const sign of signs) document.addEventListener(sign, onSign, { passive: true, capture: true });
    document.addEventListener("visibilitychange", active);
    // A page that comes back from the back/forward cache on iOS fires pageshow only.
    window.addEventListener("pageshow", active);
    const idleCheck = setInterval(tell, IDLE_AFTER_MS / 4);
    active();
    return () => {
      for (const sign of signs) document.removeEventListener(sign, onSign, { capture: true });
      document.removeEventListener("visibilitychange", active);
      window.removeEventListener("pageshow", active);
      clearInterval(idleCheck);
    };
  }, [active, tell]);

  return active;
}
