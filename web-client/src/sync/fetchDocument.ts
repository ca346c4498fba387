import {
  cbor,
  type DocumentId,
  decodeHeads,
  type Message,
  type PeerId,
  Repo,
} from "@automerge/automerge-repo/slim";
import type { DeviceStorage } from "./deviceStorage";
import type { Ledger } from "./ledger";
import { AWAY } from "./presence";
import { SocketAdapter, type SocketAdapterOptions } from "./socketAdapter";

const DEADLINE_MS = 20_000;

export interface FetchOptions {
  storage: DeviceStorage;
  ledger: Ledger;
  socketUrl: string;
  admit: SocketAdapterOptions["admit"];
  peerId: PeerId;
  /** How long the Repo takes to write what it has, in ms. */
  settleMs: number;
}

/**
 * Brings a document that this device does not have from the server to its storage, on a connection of its own.
 *
 * The stock protocol has no way to close one document: a session lasts as long as its socket. So the socket closes when the document is here,
 * and the server's room with it, while the Repo that the screens use never hears of it.
 */
export async function fetchDocument(
  options: FetchOptions,
  id: DocumentId,
  signal: AbortSignal,
): Promise<void> {
  const { storage, ledger, peerId } = options;
  const adapter = new QuietAdapter({
    url: options.socketUrl,
    onFrame: () => {},
    onConnection: () => {},
    admit: options.admit,
  });
  const repo = new Repo({ storage, network: [adapter], peerId });
  try {
    const handle = await inTime(repo.find(id), signal);
    // All that is in it came from the server, which shows nothing that is not durable there.
    ledger.fetched(id, decodeHeads(handle.heads()));
    await repo.flush([id]);
  } finally {
    adapter.disconnect();
    // What the Repo has still to write, it writes before this is over: whoever clears the storage waits for us.
    await new Promise((resolve) => setTimeout(resolve, options.settleMs));
  }
}

/** Fetches without a word to whoever has the document open. */
class QuietAdapter extends SocketAdapter {
  override send(message: Message): void {
    super.send(message);
    // The server counts whoever opens a document among those who are here. Told in the same breath, nobody sees it.
    const { documentId } = message;
    if (documentId !== undefined) this.sendFrame({ kind: "presence", documentId, data: cbor.encode(AWAY) });
  }
}

async function inTime<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let abort = () => {};
  const over = new Promise<never>((_, reject) => {
    abort = () => reject(new Error("The document was not fetched in time."));
    timer = setTimeout(abort, DEADLINE_MS);
    signal.addEventListener("abort", abort);
  });
  return Promise.race([promise, over]).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  });
}
