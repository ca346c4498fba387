import createClient from "openapi-fetch";
import type { Shelf } from "~/model/shelf";
import type { paths } from "./schema";
import type {
  Device,
  DocumentEntry,
  DocumentKind,
  DocumentRole,
  Group,
  Invitation,
  InvitationLink,
  Member,
  NewAccount,
  OpenInvitation,
  OwnWorkspace,
  PasswordReset,
  PasswordResetLink,
  Role,
  Session,
  Sharing,
  Visibility,
  WorkspaceRole,
} from "./types";

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

const { GET, POST, PUT, DELETE } = createClient<paths>({
  baseUrl: location.origin,
  credentials: "same-origin",
  cache: "no-store",
});

/** The server's REST API. Every call throws a `Refusal` or `Unreachable` when it does not work out. */
export const api = {
  session: (): Promise<Session> => answer(GET("/api/session")),
  // Here a 401 is about the password, not about a session that ended.
  signIn: (name: string, password: string): Promise<Session> =>
    answer(POST("/api/session", { body: { name, password } }), { unauthorizedIsAnswer: true }),
  signOut: (): Promise<void> => answer(DELETE("/api/session")),
  invitation: (secret: string): Promise<Invitation> =>
    answer(GET("/api/invitations/{secret}", { params: { path: { secret } } })),
  acceptInvitation: (secret: string, body: NewAccount): Promise<Session> =>
    answer(POST("/api/invitations/{secret}/accept", { params: { path: { secret } }, body })),
  passwordReset: (secret: string): Promise<PasswordReset> =>
    answer(GET("/api/password-resets/{secret}", { params: { path: { secret } } })),
  resetPassword: (secret: string, password: string): Promise<Session> =>
    answer(POST("/api/password-resets/{secret}", { params: { path: { secret } }, body: { password } })),
  invite: (role: Role): Promise<InvitationLink> => answer(POST("/api/invitations", { body: { role } })),
  devices: async (): Promise<Device[]> => (await answer(GET("/api/devices"))).devices,
  endDevice: (id: string): Promise<void> => answer(DELETE("/api/devices/{id}", { params: { path: { id } } })),
  changePassword: (before: string, after: string): Promise<void> =>
    answer(POST("/api/password", { body: { old: before, new: after } })),
  members: async (id: string): Promise<Member[]> =>
    (await answer(GET("/api/workspaces/{id}/members", { params: { path: { id } } }))).members,
  setMember: (id: string, person: string, role: WorkspaceRole): Promise<void> =>
    answer(
      PUT("/api/workspaces/{id}/members/{person}", { params: { path: { id, person } }, body: { role } }),
    ),
  removeMember: (id: string, person: string): Promise<void> =>
    answer(DELETE("/api/workspaces/{id}/members/{person}", { params: { path: { id, person } } })),
  openInvitations: async (id: string): Promise<OpenInvitation[]> =>
    (await answer(GET("/api/workspaces/{id}/invitations", { params: { path: { id } } }))).invitations,
  withdrawInvitation: (id: string, invitation: string): Promise<void> =>
    answer(DELETE("/api/workspaces/{id}/invitations/{invitation}", { params: { path: { id, invitation } } })),
  makePasswordReset: (id: string, person: string): Promise<PasswordResetLink> =>
    answer(
      POST("/api/workspaces/{id}/members/{person}/password-reset", { params: { path: { id, person } } }),
    ),
  documents: async (shelf: Shelf): Promise<DocumentEntry[]> => {
    const query = { archived: shelf === "archive", trashed: shelf === "trash" };
    return (await answer(GET("/api/documents", { params: { query } }))).documents;
  },
  createDocument: (kind: DocumentKind, title: string): Promise<DocumentEntry> =>
    answer(POST("/api/documents", { body: { kind, title } })),
  archive: (id: string): Promise<void> =>
    answer(POST("/api/documents/{id}/archive", { params: { path: { id } } })),
  restore: (id: string): Promise<void> =>
    answer(POST("/api/documents/{id}/restore", { params: { path: { id } } })),
  trash: (id: string): Promise<void> =>
    answer(POST("/api/documents/{id}/trash", { params: { path: { id } } })),
  /** Deletes for ever what is in the trash. */
  purge: (id: string): Promise<void> => answer(DELETE("/api/documents/{id}", { params: { path: { id } } })),
  document: (id: string): Promise<DocumentEntry> =>
    answer(GET("/api/documents/{id}", { params: { path: { id } } })),
  sharing: (id: string): Promise<Sharing> =>
    answer(GET("/api/documents/{id}/access", { params: { path: { id } } })),
  setVisibility: (id: string, visibility: Visibility): Promise<void> =>
    answer(PUT("/api/documents/{id}/access", { params: { path: { id } }, body: { visibility } })),
  grantToPerson: (id: string, person: string, role: DocumentRole): Promise<void> =>
    answer(
      PUT("/api/documents/{id}/access/people/{person}", { params: { path: { id, person } }, body: { role } }),
    ),
  withdrawFromPerson: (id: string, person: string): Promise<void> =>
    answer(DELETE("/api/documents/{id}/access/people/{person}", { params: { path: { id, person } } })),
  grantToGroup: (id: string, group: string, role: DocumentRole): Promise<void> =>
    answer(
      PUT("/api/documents/{id}/access/groups/{group}", { params: { path: { id, group } }, body: { role } }),
    ),
  withdrawFromGroup: (id: string, group: string): Promise<void> =>
    answer(DELETE("/api/documents/{id}/access/groups/{group}", { params: { path: { id, group } } })),
  workspaces: async (): Promise<OwnWorkspace[]> => (await answer(GET("/api/workspaces"))).workspaces,
  groups: async (workspace: string): Promise<Group[]> =>
    (await answer(GET("/api/workspaces/{id}/groups", { params: { path: { id: workspace } } }))).groups,
};

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answer<T>(call: Promise<Answer<T>>, options?: { unauthorizedIsAnswer: boolean }): Promise<T> {
  const { data, error, response } = await call.catch(() => {
    throw new Unreachable();
  });
  if (response.ok) return data as T;
  if (response.status === 401 && options?.unauthorizedIsAnswer !== true) onUnauthorized();
  // A proxy in front of a server that is down answers in its stead.
  if (response.status >= 502 && response.status <= 504) throw new Unreachable();
  throw new Refusal(response.status, detailOf(error, response.status));
}

function detailOf(problem: unknown, status: number): string {
  if (typeof problem === "object" && problem !== null) {
    const { detail, title } = problem as { detail?: unknown; title?: unknown };
    if (typeof detail === "string" && detail !== "") return asSentence(detail);
    if (typeof title === "string" && title !== "") return asSentence(title);
  }
  if (status === 429) return "Too many tries. Wait a minute, then try again.";
  return `The server could not do that (${status}). Try again later.`;
}

/** The server writes its details for logs and programs; people read sentences. */
function asSentence(text: string): string {
  const sentence = text.charAt(0).toLocaleUpperCase("en") + text.slice(1);
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
