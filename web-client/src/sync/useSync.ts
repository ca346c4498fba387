import { createContext, useCallback, useContext, useEffect, useState, useSyncExternalStore } from "react";
import { deriveStatus, type Role, SAVING_PATIENCE_MS, type Status } from "~/model/status";
import type { SyncEngine } from "./engine";

import { Observable } from "./observable";
import type { OpenDocument } from "./openDocument";
import { NOTHING_WAITS, totalWaiting, type Waiting } from "./waiting";

/** The engine of the person who is signed in; null until it has loaded. */
export const SyncContext = createContext<SyncEngine | null>(null);

export function useSyncEngine(): SyncEngine | null {
  return useContext(SyncContext);
}

export function useObservable<T>(observable: Observable<T>): T {
  return useSyncExternalStore(observable.subscribe, observable.get);
}

/** Opens a document for a screen, and tells the others when the screen goes. */
export function useOpenDocument(engine: SyncEngine, id: string): OpenDocument {
  const open = engine.document(id);
  useEffect(() => () => open.leave(), [open]);
  return open;
}

/** The contents of a ready document, and again after each change. */
export function useDocumentValue<T>(open: OpenDocument, select: (document: unknown) => T): T {
  const subscribe = useCallback(
    (listener: () => void) => {
      open.handle.on("heads-changed", listener);
      return () => void open.handle.off("heads-changed", listener);
    },
    [open],
  );
  return useSyncExternalStore(subscribe, () => select(open.handle.doc()));
}

const NO_WAITING = new Observable<ReadonlyMap<string, Waiting>>(new Map());
const NOT_STARTED = new Observable<"connecting">("connecting");
const FINE = new Observable(true);
const NOTHING_FETCHED = new Observable(0);
const NO_WORD = new Observable({ role: null, ended: false, storeOk: true, refused: null });

/** Which documents have changes that the server has not acknowledged. */
export function useWaiting(): ReadonlyMap<string, Waiting> {
  return useObservable(useSyncEngine()?.ledger.waiting ?? NO_WAITING);
}

/** How many documents came to this device before anybody opened them. */
export function useFetchedAhead(): number {
  return useObservable(useSyncEngine()?.prefetch.fetched ?? NOTHING_FETCHED);
}

/** The one status line: of a document, or (without one) of everything on this device. */
export function useStatus(sessionRole: Role, open?: OpenDocument): Status {
  const engine = useSyncEngine();
  const connection = useObservable<"connecting" | "online" | "offline">(engine?.connection ?? NOT_STARTED);
  const all = useWaiting();
  const deviceOk = useObservable(engine?.storage.healthy ?? FINE);
  const word = useObservable(open?.word ?? NO_WORD);
  const waiting = open === undefined ? totalWaiting(all) : (all.get(open.id) ?? NOTHING_WAITS);
  const now = useNowAfter(waiting.since, SAVING_PATIENCE_MS);
  return deriveStatus({
    connection,
    waiting: waiting.changes,
    waitingForMs: waiting.since === null ? 0 : now - waiting.since,
    storeOk: word.storeOk,
    role: open === undefined ? "editor" : (word.role ?? sessionRole),
    ended: word.ended,
    refused: word.refused !== null,
    deviceOk,
  });
}

/** The time now; renders once more when `delayMs` after `since` has come. */
function useNowAfter(since: number | null, delayMs: number): number {
  const [, render] = useState(0);
  useEffect(() => {
    if (since === null) return;
    const timer = setTimeout(
      () => render((count) => count + 1),
      Math.max(0, since + delayMs - Date.now()) + 20,
    );
    return () => clearTimeout(timer);
  }, [since, delayMs]);
  return Date.now();
}
