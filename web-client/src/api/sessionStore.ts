import { useSyncExternalStore } from "react";
import { api, Refusal, whenUnauthorized } from "./client";
import type { Session } from "./types";

/** Who uses this device. `unknown` only until the server has answered for the first time. */
export type SessionState =
  | { status: "unknown" }
  | { status: "signedIn"; session: Session }
  | { status: "signedOut"; reason: "never" | "expired" | "left"; lastName: string }
  | { status: "unreachable" };

const KEY = "fieldbook.session";

let state: SessionState = recall();
const listeners = new Set<() => void>();

export function useSessionState(): SessionState {
  return useSyncExternalStore(subscribe, () => state);
}

export function signedIn(session: Session): void {
  localStorage.setItem(KEY, JSON.stringify(session));
  change({ status: "signedIn", session });
}

/** Forgets who was here, after a sign-out. */
export function signedOut(): void {
  localStorage.removeItem(KEY);
  change({ status: "signedOut", reason: "left", lastName: "" });
}

/** Asks the server who we are: the user's id, or null for nobody. Throws when the server can not be reached. */
export async function confirmSession(): Promise<string | null> {
  try {
    const session = await api.session();
    if (JSON.stringify(session) !== localStorage.getItem(KEY)) signedIn(session);
    return session.user.id;
  } catch (error) {
    // What a 401 means for the app has been dealt with where all of them are.
    if (error instanceof Refusal && error.status === 401) return null;
    throw error;
  }
}

/** At the start, with nobody remembered. With somebody, the app opens at once, and the sync engine asks. */
export function findSession(): void {
  if (state.status !== "unknown" && state.status !== "unreachable") return;
  confirmSession().catch(() => change({ status: "unreachable" }));
}

whenUnauthorized(() => {
  if (state.status === "signedOut") return;
  const expired = state.status === "signedIn";
  const lastName = state.status === "signedIn" ? state.session.user.name : "";
  localStorage.removeItem(KEY);
  change({ status: "signedOut", reason: expired ? "expired" : "never", lastName });
});

// Somebody signed in or out in another tab: the cookie is theirs now, so this tab must follow.
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  const now = recall();
  change(now.status === "unknown" ? { status: "signedOut", reason: "left", lastName: "" } : now);
});

function recall(): SessionState {
  try {
    const session: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (isSession(session)) return { status: "signedIn", session };
  } catch {
    // Unreadable: as good as nothing.
  }
  return { status: "unknown" };
}

function isSession(value: unknown): value is Session {
  if (typeof value !== "object" || value === null) return false;
  const { user, workspace, storageId } = value as Partial<Session>;
  return (
    typeof user?.id === "string" &&
    (workspace == null || typeof workspace.name === "string") &&
    typeof storageId === "string"
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(next: SessionState): void {
  state = next;
  for (const listener of listeners) listener();
}
