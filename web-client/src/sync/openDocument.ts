import type { DocHandle, DocumentId, Repo } from "@automerge/automerge-repo/slim";
import type { Role } from "~/model/status";
import type { ServerFrame } from "./frames";
import type { Ledger } from "./ledger";
import { Observable } from "./observable";
import { PresenceRoom } from "./presence";

/** What the server says about a document as such, beside its contents. */
export interface ServerWord {
  role: Role | null;
  /** It has no such document for us any more: our access has ended, or the document is gone. */
  ended: boolean;
  storeOk: boolean;
  /** Why the server refused a change of ours; it takes none from this device until it is discarded here. */
  refused: string | null;
}

export type Availability = "loading" | "ready" | "unavailable";

/** One document on this device: its contents, who else is there, and what the server says of it. */
export class OpenDocument {
  readonly id: DocumentId;
  readonly handle: DocHandle<unknown>;
  readonly availability: Observable<Availability>;
  readonly word = new Observable<ServerWord>({ role: null, ended: false, storeOk: true, refused: null });
  readonly presence: PresenceRoom;

  constructor(repo: Repo, ledger: Ledger, id: DocumentId, sendPresence: (data: Uint8Array) => boolean) {
    this.id = id;
    this.presence = new PresenceRoom(sendPresence);
    const finding = repo.findWithProgress(id);
    this.handle = finding.handle as DocHandle<unknown>;
    this.availability = new Observable<Availability>("loading");
    const update = () => this.availability.set(availabilityOf(this.handle));
    // The handle tells of its contents before it counts as ready; hence the wait for the end of the turn.
    this.handle.on("heads-changed", () => queueMicrotask(update));
    if ("subscribe" in finding) finding.subscribe(update);
    update();
    ledger.track(this.handle);
    this.availability.subscribe(() => ledger.track(this.handle));
  }

  receive(frame: Exclude<ServerFrame, { kind: "pong" }>): void {
    switch (frame.kind) {
      case "role":
        this.word.set({ ...this.word.get(), role: frame.role, ended: false });
        break;
      case "ended":
        this.word.set({ ...this.word.get(), ended: true });
        this.presence.disconnected();
        break;
      case "store":
        this.word.set({ ...this.word.get(), storeOk: frame.ok });
        break;
      case "refused":
        this.word.set({ ...this.word.get(), refused: frame.text || "The server could not accept a change." });
        break;
      default:
        this.presence.receive(frame);
    }
  }

  disconnected(): void {
    this.presence.disconnected();
    // Whether its store works again, the server will tell when we are back.
    this.word.set({ ...this.word.get(), storeOk: true });
  }

  leave(): void {
    this.presence.leave();
  }
}

function availabilityOf(handle: DocHandle<unknown>): Availability {
  if (handle.isReady()) return "ready";
  return handle.isUnavailable() ? "unavailable" : "loading";
}
