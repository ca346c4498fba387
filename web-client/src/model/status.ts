export type Connection = "connecting" | "online" | "offline";

export type Role = "owner" | "editor" | "commenter" | "viewer";

/** May somebody with this role change what a document says? */
export function mayWrite(role: Role): boolean {
  return role === "owner" || role === "editor";
}

/** All that the one status line depends on. */
export interface StatusFacts {
  connection: Connection;
  /** Changes on this device that the server has not acknowledged as durable. */
  waiting: number;
  /** How long the oldest of them has waited, in ms. */
  waitingForMs: number;
  /** False while the server says that its store fails. */
  storeOk: boolean;
  role: Role;
  /** The server has this document for us no more. */
  ended: boolean;
  refused: boolean;
  /** False if the browser would not keep the last changes (disk full, storage switched off). */
  deviceOk: boolean;
}

export type StatusTone = "calm" | "busy" | "waiting" | "alert";

export interface Status {
  tone: StatusTone;
  text: string;
  /** For a screen reader: without what changes all the time. Null: nothing worth saying. */
  announcement: string | null;
}

/** An acknowledgement usually takes a few hundred milliseconds. After this long, "Saving…" would be a fairy tale. */
export const SAVING_PATIENCE_MS = 5_000;

export function deriveStatus(facts: StatusFacts): Status {
  const { connection, waiting } = facts;
  if (!facts.deviceOk) {
    return alert("This device can’t keep your changes. Free some space, or copy your words.");
  }
  if (facts.ended) return alert(join("Your access has ended", waiting > 0 ? waitingText(waiting) : null));
  if (facts.refused) return alert("The server refused a change");
  if (!mayWrite(facts.role)) return readOnly(connection);
  if (!facts.storeOk && connection === "online") {
    return alert(join("The server can’t save right now", waiting > 0 ? waitingText(waiting) : null));
  }
  if (connection === "offline") return offline(waiting);
  if (waiting === 0) {
    return connection === "connecting"
      ? busy("Connecting…")
      : { tone: "calm", text: "Saved", announcement: "Saved" };
  }
  if (connection === "online" && facts.waitingForMs < SAVING_PATIENCE_MS) return busy("Saving…");
  return { tone: "waiting", text: waitingText(waiting), announcement: "Changes wait on this device" };
}

export function waitingText(waiting: number): string {
  return waiting === 1
    ? "1 change waits on this device"
    : `${waiting.toLocaleString("en")} changes wait on this device`;
}

function offline(waiting: number): Status {
  return {
    tone: "waiting",
    text: join("Offline", waiting > 0 ? waitingText(waiting) : null),
    announcement: "Offline. You can go on writing.",
  };
}

function readOnly(connection: Connection): Status {
  const text = join("Read only", connection === "offline" ? "Offline" : null);
  return { tone: connection === "offline" ? "waiting" : "calm", text, announcement: text };
}

function busy(text: string): Status {
  return { tone: "busy", text, announcement: null };
}

function alert(text: string): Status {
  return { tone: "alert", text, announcement: text };
}

function join(first: string, second: string | null): string {
  return second === null ? first : `${first} · ${second}`;
}
