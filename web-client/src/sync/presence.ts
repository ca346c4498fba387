import { cbor } from "@automerge/automerge-repo/slim";
import type { PersonFrame, ServerFrame } from "./frames";
import { Observable } from "./observable";

/** Where somebody's caret or selection is: two Automerge cursors in the body, which stay right while others type. */
export interface CaretCursors {
  anchor: string;
  head: string;
}

/** What a device tells the others about itself; the server carries it unread. */
export interface Presence {
  /** `active`: looks at the document; `idle`: not for a while; `away`: has left it, or looks at something else. */
  state: "active" | "idle" | "away";
  caret: CaretCursors | null;
}

export interface Person {
  key: string;
  userId: string;
  name: string;
  state: "active" | "idle" | "away" | "reconnecting";
  caret: CaretCursors | null;
}

const SEND_EVERY_MS = 100;
/** This device does not show the document. */
export const AWAY: Presence = { state: "away", caret: null };

/** Who else has one document open, and what we tell them. */
export class PresenceRoom {
  /** Everybody else who is here: those that are away are left out. */
  readonly people = new Observable<readonly Person[]>([]);
  #everybody = new Map<string, Person>();
  #send: (data: Uint8Array) => boolean;
  #mine: () => Presence = () => AWAY;
  #sent = "";
  #lastSentAt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(send: (data: Uint8Array) => boolean) {
    this.#send = send;
  }

  /** Tells the others, at most ten times a second. `mine` is asked when the moment has come, so the last word always gets through. */
  tell(mine: () => Presence): void {
    this.#mine = mine;
    if (this.#timer !== null) return;
    const wait = Math.max(0, this.#lastSentAt + SEND_EVERY_MS - Date.now());
    this.#timer = setTimeout(() => this.#flush(), wait);
  }

  /** This device does not show the document any more. */
  leave(): void {
    this.#mine = () => AWAY;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#flush();
  }

  /** A roster means that the server has (again) opened this document for us: what we told an earlier socket is forgotten there. */
  receive(frame: Extract<ServerFrame, { kind: "roster" | "presence" }>): void {
    if (frame.kind === "roster") {
      const before = this.#everybody;
      this.#everybody = new Map();
      for (const person of frame.people) this.#merge(person, before.get(person.key));
      this.#sent = "";
      this.tell(this.#mine);
    } else {
      for (const key of frame.gone) this.#everybody.delete(key);
      for (const person of frame.people) this.#merge(person, this.#everybody.get(person.key));
    }
    this.#publish();
  }

  /** Without a connection nobody can be said to be here. */
  disconnected(): void {
    this.#everybody.clear();
    this.#publish();
  }

  #merge(frame: PersonFrame, before: Person | undefined): void {
    const told = frame.data === undefined ? null : readPresence(frame.data);
    const presence =
      told ??
      (before === undefined
        ? { state: "active" as const, caret: null }
        : { state: lastState(before), caret: before.caret });
    this.#everybody.set(frame.key, {
      key: frame.key,
      userId: frame.userId,
      name: frame.name,
      state: frame.state === "reconnecting" && presence.state !== "away" ? "reconnecting" : presence.state,
      caret: presence.caret,
    });
  }

  #publish(): void {
    this.people.set(Array.from(this.#everybody.values()).filter((person) => person.state !== "away"));
  }

  #flush(): void {
    this.#timer = null;
    const mine = this.#mine();
    const text = JSON.stringify(mine);
    if (text === this.#sent) return;
    this.#lastSentAt = Date.now();
    if (this.#send(cbor.encode(mine))) this.#sent = text;
  }
}

/** What others send is theirs to get wrong. */
export function readPresence(data: Uint8Array): Presence | null {
  if (data.byteLength === 0) return { state: "active", caret: null };
  try {
    const value: unknown = cbor.decode(data);
    if (typeof value !== "object" || value === null) return null;
    const { state, caret } = value as Record<string, unknown>;
    return { state: state === "idle" || state === "away" ? state : "active", caret: readCaret(caret) };
  } catch {
    return null;
  }
}

function readCaret(value: unknown): CaretCursors | null {
  if (typeof value !== "object" || value === null) return null;
  const { anchor, head } = value as Record<string, unknown>;
  return typeof anchor === "string" && typeof head === "string" ? { anchor, head } : null;
}

function lastState(person: Person): Presence["state"] {
  return person.state === "reconnecting" ? "active" : person.state;
}
