import type { Role } from "~/model/status";

/** Somebody who has a document open, one per device (docs/protocol.md, "Extension"). */
export interface PersonFrame {
  key: string;
  userId: string;
  name: string;
  state: "here" | "reconnecting";
  /** Left out when it did not change. */
  data?: Uint8Array;
}

/** What the server says beside the stock protocol; `ended` is the stock `doc-unavailable`, which Repo takes no notice of once it has a document. */
export type ServerFrame =
  | { kind: "pong"; id: number }
  | { kind: "role"; documentId: string; role: Role }
  | { kind: "ended"; documentId: string }
  | { kind: "refused"; documentId: string; rule: string; text: string }
  | { kind: "store"; documentId: string; ok: boolean }
  | { kind: "roster"; documentId: string; people: PersonFrame[] }
  | { kind: "presence"; documentId: string; people: PersonFrame[]; gone: string[] };

/** What we say beside it. */
export type ClientFrame =
  | { kind: "ping"; id: number }
  | { kind: "presence"; documentId: string; data: Uint8Array };

/** Reads an `fb` frame. Null: a kind that we do not know (yet), or one that is malformed. */
export function readServerFrame(frame: Record<string, unknown>): ServerFrame | null {
  const { kind, documentId } = frame;
  if (kind === "pong") return typeof frame.id === "number" ? { kind, id: frame.id } : null;
  if (typeof documentId !== "string") return null;
  switch (kind) {
    case "role":
      return isRole(frame.role) ? { kind, documentId, role: frame.role } : null;
    case "refused":
      return { kind, documentId, rule: text(frame.rule), text: text(frame.text) };
    case "store":
      return { kind, documentId, ok: frame.ok !== false };
    case "roster":
      return { kind, documentId, people: readPeople(frame.people) };
    case "presence":
      return { kind, documentId, people: readPeople(frame.people), gone: readKeys(frame.gone) };
    default:
      return null;
  }
}

function readPeople(value: unknown): PersonFrame[] {
  return Array.isArray(value) ? value.map(readPerson).filter((person) => person !== null) : [];
}

function readPerson(value: unknown): PersonFrame | null {
  if (typeof value !== "object" || value === null) return null;
  const { key, userId, name, state, data } = value as Record<string, unknown>;
  if (typeof key !== "string" || typeof userId !== "string") return null;
  return {
    key,
    userId,
    name: text(name),
    state: state === "reconnecting" ? "reconnecting" : "here",
    ...(data instanceof Uint8Array ? { data } : {}),
  };
}

function readKeys(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((key) => typeof key === "string") : [];
}

function isRole(value: unknown): value is Role {
  return value === "owner" || value === "editor" || value === "commenter" || value === "viewer";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
