import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { api } from "~/api/client";
import { signedOut } from "~/api/sessionStore";
import type { Session } from "~/api/types";
import { DocumentsScreen } from "~/features/documents/DocumentsScreen";
import { SignOutDialog } from "~/features/documents/SignOutDialog";
import { forgetLists, noteTitle, useMoving, usePrefetch } from "~/features/documents/useDocuments";
import { SyncContext, useSyncEngine } from "~/sync/useSync";
import { useToast } from "~/ui/Toast";
import { useEngine } from "./useEngine";

const DocumentScreen = lazy(() =>
  import("~/features/document/DocumentScreen").then((module) => ({ default: module.DocumentScreen })),
);

/** Everything behind the door. */
export default function SignedIn({ session }: { session: Session }) {
  const engine = useEngine(session);
  const [leaving, setLeaving] = useState(false);
  const toast = useToast();
  const userId = session.user.id;

  const signOut = async () => {
    const clear = engine !== null && engine.ledger.waiting.get().size === 0;
    // First the server: an answer that never comes must not leave this device empty and still signed in.
    await api.signOut();
    if (clear) {
      // Others may use this device too. What the server has, it gives back at the next sign-in.
      await engine.stopAndClear();
      forgetLists(userId);
    } else {
      await engine?.stop();
    }
    signedOut();
  };
  const askToSignOut = () => {
    if (engine !== null && engine.ledger.waiting.get().size > 0) return setLeaving(true);
    signOut().catch((error: unknown) =>
      toast({ text: error instanceof Error ? error.message : "Try again." }),
    );
  };

  return (
    <SyncContext value={engine}>
      <Screens session={session} onSignOut={askToSignOut} />
      {leaving ? <SignOutDialog onSignOut={signOut} onClose={() => setLeaving(false)} /> : null}
    </SyncContext>
  );
}

function Screens({ session, onSignOut }: { session: Session; onSignOut: () => void }) {
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const toast = useToast();
  const userId = session.user.id;
  const moving = useMoving(userId, (text) => toast({ text }));
  const { mutate } = moving;

  const onTitle = useCallback(
    (id: string, title: string) => noteTitle(client, userId, id, title),
    [client, userId],
  );
  const onPutAway = useCallback(
    (id: string, to: "archive" | "trash") => {
      mutate({ id, to });
      navigate("/");
      const text = to === "trash" ? "Moved to the trash" : "Archived";
      toast({ text, action: { label: "Undo", run: () => mutate({ id, to: "current" }) } });
    },
    [mutate, navigate, toast],
  );

  // Whoever comes by a link to one document should find the others too when there is no network later.
  usePrefetch(useSyncEngine(), userId);
  useRouteFocus();
  return (
    <Suspense fallback={null}>
      <Switch>
        <Route path="/">
          <DocumentsScreen session={session} shelf="current" onSignOut={onSignOut} />
        </Route>
        <Route path="/archive">
          <DocumentsScreen session={session} shelf="archive" onSignOut={onSignOut} />
        </Route>
        <Route path="/trash">
          <DocumentsScreen session={session} shelf="trash" onSignOut={onSignOut} />
        </Route>
        <Route path="/d/:id">
          {({ id }) => <DocumentScreen id={id} session={session} onTitle={onTitle} onPutAway={onPutAway} />}
        </Route>
        <Route>
          <Redirect to="/" replace />
        </Route>
      </Switch>
    </Suspense>
  );
}

/** After a change of screen, keyboard and screen reader start at its top instead of nowhere. */
function useRouteFocus(): void {
  const [path] = useLocation();
  const [first] = useState(path);
  useEffect(() => {
    if (path === first) return;
    window.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [path, first]);
}
