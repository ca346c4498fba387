import type { Role } from "~/model/status";
import type { DocumentEntry, Invitation, Session } from "./types";

/** The server answered, and said no. `message` is fit to be shown. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** The server did not answer: no network, or it is down. */
export class Unreachable extends Error {
  constructor() {
    super("The server can’t be reached. Check your connection, then try again.");
  }
}

let onUnauthorized: () => void = () => {};

/** Runs whenever the server says that we are not signed in (any more). */
export function whenUnauthorized(react: () => void): void {
  onUnauthorized = react;
}

export const api = {
  session: () => get<Session>("/api/session"),
  signIn: (name: string, password: string) =>
    send<Session>("POST", "/api/session", { name, password }, { unauthorizedIsAnswer: true }),
  signOut: () => send<void>("DELETE", "/api/session"),
  invitation: (secret: string) => get<Invitation>(`/api/invitations/${encodeURIComponent(secret)}`),
  acceptInvitation: (secret: string, body: { name: string; password: string; workspaceName?: string }) =>
    send<Session>("POST", `/api/invitations/${encodeURIComponent(secret)}/accept`, body),
  invite: (role: Role) => send<{ url: string; expiresAt: number }>("POST", "/api/invitations", { role }),
  documents: async (archived: boolean) =>
    (await get<{ documents: DocumentEntry[] }>(`/api/documents?archived=${archived}`)).documents,
  document: (id: string) => get<DocumentEntry>(`/api/documents/${id}`),
  createDocument: (kind: string, title: string) =>
    send<DocumentEntry>("POST", "/api/documents", { kind, title }),
  archive: (id: string) => send<void>("POST", `/api/documents/${id}/archive`),
  restore: (id: string) => send<void>("POST", `/api/documents/${id}/restore`),
};

function get<T>(path: string): Promise<T> {
  return call<T>(path, { method: "GET" });
}

function send<T>(
  method: "POST" | "DELETE",
  path: string,
  body?: object,
  options?: { unauthorizedIsAnswer: boolean },
): Promise<T> {
  const init: RequestInit = { method };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { "content-type": "application/json" };
  }
  return call<T>(path, init, options);
}

async function call<T>(
  path: string,
  init: RequestInit,
  options?: { unauthorizedIsAnswer: boolean },
): Promise<T> {
  const response = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" }).catch(() => {
    throw new Unreachable();
  });
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  if (response.status === 401 && options?.unauthorizedIsAnswer !== true) onUnauthorized();
  // A proxy that answers for a server which is down speaks no problem+json.
  if (response.status >= 502 && response.status <= 504) throw new Unreachable();
  throw new Refusal(response.status, await detailOf(response));
}

async function detailOf(response: Response): Promise<string> {
  try {
    const problem: unknown = await response.json();
    if (typeof problem === "object" && problem !== null) {
      const { detail, title } = problem as { detail?: unknown; title?: unknown };
      if (typeof detail === "string" && detail !== "") return detail;
      if (typeof title === "string" && title !== "") return title;
    }
  } catch {
    // Not a problem+json: say it ourselves.
  }
  return response.status === 429
    ? "Too many tries. Wait a minute, then try again."
    : `The server could not do that (${response.status}). Try again later.`;
}
