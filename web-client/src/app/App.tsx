import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { Route, Switch } from "wouter";
import { findSession, useSessionState } from "~/api/sessionStore";
import type { Session } from "~/api/types";
import { Door } from "~/features/door/Door";
import { Join } from "~/features/door/Join";
import { Reset } from "~/features/door/Reset";
import { SignIn } from "~/features/door/SignIn";
import { Button } from "~/ui/Button";
import { ToastProvider } from "~/ui/Toast";
import { Crash } from "./Crash";

// Whoever is not signed in needs neither the lists nor the editor.
const SignedIn = lazy(() => import("./SignedIn"));

const queries = new QueryClient({
  defaultOptions: {
    // The browser's own idea of being online is often wrong: always try, and show what we have.
    queries: { networkMode: "always", retry: false, staleTime: 5_000 },
    mutations: { networkMode: "always" },
  },
});

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <ToastProvider>
        <Crash>
          <Switch>
            <Route path="/join/:secret">{({ secret }) => <Join secret={secret} />}</Route>
            <Route path="/reset/:secret">{({ secret }) => <Reset secret={secret} />}</Route>
            <Route>
              <Inside />
            </Route>
          </Switch>
        </Crash>
      </ToastProvider>
    </QueryClientProvider>
  );
}

function Inside() {
  const state = useSessionState();
  useEffect(findSession, []);
  switch (state.status) {
    case "unknown":
      return null;
    case "unreachable":
      return <Unreachable />;
    case "signedOut":
      return <SignIn reason={state.reason} lastName={state.lastName} />;
    case "signedIn":
      return <Home session={state.session} />;
  }
}

function Home({ session }: { session: Session }) {
  return (
    <Suspense fallback={null}>
      {/* Another person's screens start from nothing. */}
      <SignedIn key={`${session.user.id} ${session.storageId}`} session={session} />
    </Suspense>
  );
}

function Unreachable() {
  return (
    <Door
      title="The server can’t be reached"
      intro={<p>Check your connection. Nobody has signed in on this device yet.</p>}
    >
      <Button look="primary" onClick={findSession}>
        Try again
      </Button>
    </Door>
  );
}
