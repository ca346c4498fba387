import {
  type DocHandle,
  type DocumentId,
  generateAutomergeUrl,
  type PeerId,
  parseAutomergeUrl,
  Repo,
} from "@automerge/automerge-repo/slim";
import { BroadcastChannelNetworkAdapter } from "@automerge/automerge-repo-network-broadcastchannel";
import type { Connection } from "~/model/status";
import { loadAutomerge } from "./automergeWasm";
import { DeviceStorage } from "./deviceStorage";
import { fetchDocument } from "./fetchDocument";
import type { ServerFrame } from "./frames";
import { idleMoment, savesData } from "./idle";
import { Ledger } from "./ledger";
import { Observable } from "./observable";
import { OpenDocument } from "./openDocument";
import { Prefetch } from "./prefetch";
import { SocketAdapter } from "./socketAdapter";
import { databaseName, documentsOnDevice } from "./storage";
import { watchTheWorld } from "./wakeups";

export interface EngineOptions {
  userId: string;
  /** The server's store: its acknowledgements, and no other's, mean "saved". */
  storageId: string;
  socketUrl: string;
  /** Whether the server still takes this browser for that person; see SocketAdapterOptions. */
  admit: () => Promise<boolean>;
}

/** While this device can not keep what is typed, it tries again this often. */
const RETRY_WRITING_MS = 5_000;

/** Nothing is fetched ahead before the person has been quiet for this long. */
const QUIET_MS = 1_000;

/** The Repo writes within a tenth of a second of a change. */
const SETTLE_MS = 400;

/** One person's documents on this device, and their way to the server and to this person's other tabs. */
export class SyncEngine {
  readonly connection = new Observable<Connection>("connecting");
  readonly ledger: Ledger;
  readonly repo: Repo;
  /** Brings the documents of the list to this device, for when there is no connection. */
  readonly prefetch: Prefetch;
  #adapter: SocketAdapter;
  /** Where this device keeps it all, and whether it can. */
  readonly storage: DeviceStorage;
  #documents = new Map<string, OpenDocument>();
  #stopWatching: () => void;
  #retry: ReturnType<typeof setInterval>;

  /** Loads what this device remembers of that person, and begins to connect. */
  static async start(options: EngineOptions): Promise<SyncEngine> {
    await loadAutomerge();
    const storage = await DeviceStorage.open(databaseName(options.userId));
    const ledger = new Ledger(storage, options.storageId);
    await ledger.load();
    return new SyncEngine(options, storage, ledger);
  }

  private constructor(options: EngineOptions, storage: DeviceStorage, ledger: Ledger) {
    this.ledger = ledger;
    this.storage = storage;
    this.#adapter = new SocketAdapter({
      url: options.socketUrl,
      onFrame: (frame) => this.#receive(frame),
      onConnection: (connection) => this.#connectionChanged(connection),
      admit: options.admit,
    });
    // The same peer id for the life of this tab: whoever comes back with it takes its old place in the roster.
    const peerId = `tab-${parseAutomergeUrl(generateAutomergeUrl()).documentId}` as PeerId;
    const { socketUrl, admit } = options;
    const way = {
      storage,
      ledger,
      socketUrl,
      admit,
      peerId: `${peerId}-ahead` as PeerId,
      settleMs: SETTLE_MS,
    };
    this.prefetch = new Prefetch({
      held: () => documentsOnDevice(options.userId),
      fetch: (id, signal) => fetchDocument(way, id as DocumentId, signal),
      idle: (signal) => this.#idle(signal),
    });
    const otherTabs = new BroadcastChannelNetworkAdapter({
      channelName: databaseName(options.userId),
      peerWaitMs: 50,
    });
    this.repo = new Repo({ storage, network: [this.#adapter, otherTabs], peerId });
    this.#stopWatching = watchTheWorld(this.#adapter, () => this.#pageHides());
    this.#retry = setInterval(() => {
      if (!storage.healthy.get()) void this.flush();
    }, RETRY_WRITING_MS);
    for (const id of ledger.waitingDocuments()) this.document(id);
  }

  /** The document with this id; it loads in the background, from this device or from the server. */
  document(id: string): OpenDocument {
    const open = this.#documents.get(id);
    if (open !== undefined) return open;
    const opened = new OpenDocument(this.repo, this.ledger, id as DocumentId, (data) =>
      this.#adapter.sendFrame({ kind: "presence", documentId: id, data }),
    );
    this.#documents.set(id, opened);
    return opened;
  }

  /** The document with this id, if it is open already. */
  opened(id: string): OpenDocument | undefined {
    return this.#documents.get(id);
  }

  /** Takes a document off this device, with whatever is in it that the server never got. */
  async discard(id: string): Promise<void> {
    this.#documents.delete(id);
    await this.ledger.forget(id);
    this.repo.delete(id as DocumentId);
    // A write that was under way when the document went would bring a part of it back.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await this.storage.removeRange([id]);
  }

  /** Writes everything that is in memory to this device. It begins at once: it may be the last thing that this page does. */
  async flush(): Promise<void> {
    const ready = Object.values(this.repo.handles).filter((handle: DocHandle<unknown>) => handle.isReady());
    // A write that fails is told by `storage.healthy`.
    await this.repo.flush(ready.map((handle) => handle.documentId)).catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopWatching();
    clearInterval(this.#retry);
    for (const open of this.#documents.values()) open.leave();
    await this.flush();
    for (const adapter of this.repo.networkSubsystem.adapters) adapter.disconnect();
    await this.prefetch.stop();
  }

  /** Takes everything off this device: for a sign-out on a device that others use too. */
  async stopAndClear(): Promise<void> {
    await this.stop();
    await this.storage.removeRange([]);
  }

  /** This may be the last moment of the page: what was typed goes to the device, and the others need not wait for us. */
  #pageHides(): void {
    void this.flush();
    for (const open of this.#documents.values()) open.leave();
  }

  /** What one reads and writes oneself comes first. */
  async #idle(signal: AbortSignal): Promise<boolean> {
    for (;;) {
      if (this.connection.get() !== "online" || !this.storage.healthy.get() || savesData()) return false;
      const waiting = this.ledger.waiting.get();
      await idleMoment(QUIET_MS, signal);
      if (signal.aborted) return false;
      const opening = Array.from(this.#documents.values()).some(
        (open) => open.availability.get() === "loading",
      );
      // The ledger shows another map after each change.
      if (!opening && waiting.size === 0 && waiting === this.ledger.waiting.get()) return true;
    }
  }

  #receive(frame: ServerFrame): void {
    if (frame.kind !== "pong") this.#documents.get(frame.documentId)?.receive(frame);
  }

  #connectionChanged(connection: Connection): void {
    this.connection.set(connection);
    if (connection === "online") this.prefetch.resume();
    else for (const open of this.#documents.values()) open.disconnected();
  }
}
