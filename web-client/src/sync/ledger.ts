import * as A from "@automerge/automerge/slim";
import {
  type DocHandle,
  type DocumentId,
  decodeHeads,
  type StorageAdapterInterface,
  type UrlHeads,
} from "@automerge/automerge-repo/slim";
import { type Heads, sameHeads, unacknowledgedChanges } from "~/model/saved";
import { Observable } from "./observable";
import type { Waiting } from "./waiting";

/** Counting goes through Automerge; more often than this nobody could read it. */
const RECOUNT_MS = 150;
const NAMESPACE = "fieldbook";

/**
 * Knows for every document which heads the server has acknowledged (so they are durable there), and so how many changes wait here.
 *
 * It remembers both across reloads: the heads, so that the number is right while offline; and which documents wait at all,
 * so that they are sent as soon as there is a connection, whether anybody opens them or not.
 */
export class Ledger {
  /** By document id; a document with nothing waiting may be missing. */
  readonly waiting = new Observable<ReadonlyMap<string, Waiting>>(new Map());
  #storage: StorageAdapterInterface;
  #serverStorageId: string;
  #acknowledged = new Map<string, Heads>();
  #tracked = new Map<
    string,
    { handle: DocHandle<unknown>; timer: ReturnType<typeof setTimeout> | null; stop: () => void }
  >();

  constructor(storage: StorageAdapterInterface, serverStorageId: string) {
    this.#storage = storage;
    this.#serverStorageId = serverStorageId;
  }

  /** Reads what was remembered. Call it before `track`. */
  async load(): Promise<void> {
    const waiting = new Map<string, Waiting>();
    for (const { key, data } of await this.#storage.loadRange([NAMESPACE])) {
      const [, documentId, what] = key;
      if (documentId === undefined || data === undefined) continue;
      const value: unknown = JSON.parse(new TextDecoder().decode(data));
      if (what === "acknowledged" && Array.isArray(value)) this.#acknowledged.set(documentId, value);
      if (what === "waiting" && typeof value === "number" && value > 0) {
        waiting.set(documentId, { changes: value, since: Date.now() });
      }
    }
    this.waiting.set(waiting);
  }

  /** Documents that had something to send when this device last looked. */
  waitingDocuments(): string[] {
    return Array.from(this.waiting.get().keys());
  }

  /** Counts this document from now on. Call it again when it became ready. */
  track(handle: DocHandle<unknown>): void {
    const id = handle.documentId;
    if (this.#tracked.has(id)) {
      this.#recount(id);
      return;
    }
    const onHeads = () => this.#recountSoon(id);
    const onRemoteHeads = ({ storageId, heads }: { storageId: string; heads: UrlHeads }) => {
      if (storageId === this.#serverStorageId) this.#acknowledge(id, decodeHeads(heads));
    };
    handle.on("heads-changed", onHeads);
    handle.on("remote-heads", onRemoteHeads);
    const stop = () => {
      handle.off("heads-changed", onHeads);
      handle.off("remote-heads", onRemoteHeads);
    };
    this.#tracked.set(id, { handle, timer: null, stop });
    this.#recount(id);
  }

  /** Drops all that is known of a document, here and on the device. */
  async forget(documentId: string): Promise<void> {
    const entry = this.#tracked.get(documentId);
    if (entry?.timer != null) clearTimeout(entry.timer);
    entry?.stop();
    this.#tracked.delete(documentId);
    this.#acknowledged.delete(documentId);
    this.#setWaiting(documentId, 0);
    await this.#storage.removeRange([NAMESPACE, documentId]);
  }

  /** A document came to this device from the server, as of these heads, without being counted here. */
  fetched(id: DocumentId, heads: Heads): void {
    if (!this.#tracked.has(id)) this.#acknowledge(id, heads);
  }

  #acknowledge(id: DocumentId, heads: Heads): void {
    if (sameHeads(heads, this.#acknowledged.get(id) ?? [])) return;
    this.#acknowledged.set(id, heads);
    this.#recount(id);
    this.#remember(id, "acknowledged", heads);
  }

  /** The first change after "Saved" is counted at once, so that the status never claims too much; later ones at leisure. */
  #recountSoon(id: string): void {
    const entry = this.#tracked.get(id);
    if (entry === undefined || entry.timer !== null) return;
    if (!this.waiting.get().has(id)) this.#recount(id);
    entry.timer = setTimeout(() => {
      entry.timer = null;
      this.#recount(id);
    }, RECOUNT_MS);
  }

  #recount(id: string): void {
    const handle = this.#tracked.get(id)?.handle;
    if (handle === undefined || !handle.isReady()) return;
    const document = handle.doc() as A.Doc<unknown>;
    if (A.getHeads(document).length === 0) return;
    this.#setWaiting(id, unacknowledgedChanges(document, this.#acknowledged.get(id) ?? []));
  }

  #setWaiting(id: string, changes: number): void {
    const before = this.waiting.get().get(id);
    if ((before?.changes ?? 0) === changes) return;
    const next = new Map(this.waiting.get());
    if (changes === 0) next.delete(id);
    else next.set(id, { changes, since: before?.since ?? Date.now() });
    this.waiting.set(next);
    this.#remember(id, "waiting", changes);
  }

  #remember(id: string, what: "acknowledged" | "waiting", value: Heads | number): void {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    // If this fails, the storage tells; and the number is right again at the next count.
    this.#storage.save([NAMESPACE, id, what], bytes).catch(() => {});
  }
}
