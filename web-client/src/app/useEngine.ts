import { useEffect, useState } from "react";
import { confirmSession } from "~/api/sessionStore";
import type { Session } from "~/api/types";
import type { SyncEngine } from "~/sync/engine";
import { askToPersist } from "~/sync/storage";

/** Starts the sync engine of the person who is signed in; null until it has loaded, which the lists need not wait for. */
export function useEngine({ user: { id: userId }, storageId }: Session): SyncEngine | null {
  const [engine, setEngine] = useState<SyncEngine | null>(null);
  const [problem, setProblem] = useState<Error | null>(null);
  // Without it nothing would be kept: better to say so (Crash.tsx) than to let somebody type.
  if (problem !== null) throw problem;
  useEffect(() => {
    let gone = false;
    let started: SyncEngine | null = null;
    const start = async () => {
      const { SyncEngine } = await import("~/sync/engine");
      if (gone) return;
      started = await SyncEngine.start({
        userId,
        storageId,
        socketUrl: `${location.origin.replace(/^http/, "ws")}/sync`,
        admit: async () => (await confirmSession()) === userId,
      });
      if (gone) await started.stop();
      else setEngine(started);
    };
    start().catch((error: unknown) => {
      if (!gone) setProblem(error instanceof Error ? error : new Error(String(error)));
    });
    void askToPersist();
    return () => {
      gone = true;
      setEngine(null);
      void started?.stop();
    };
  }, [userId, storageId]);
  return engine;
}
