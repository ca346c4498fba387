import type { AddressInfo } from "node:net";
import { type DocHandle, Repo, type StorageAdapterInterface } from "@automerge/automerge-repo/slim";
import { NodeWSServerAdapter } from "@automerge/automerge-repo-network-websocket";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocket as NodeWebSocket, WebSocketServer } from "ws";
import { Ledger } from "./ledger";
import { MemoryStorage } from "./memoryStorage";
import { SocketAdapter } from "./socketAdapter";

interface Note {
  text: string;
}

let sockets: WebSocketServer;
let serverStorageId: string;
let adapter: SocketAdapter;
let deviceStorage: MemoryStorage;

beforeEach(async () => {
  sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await new Promise((resolve) => sockets.once("listening", resolve));
  serverStorageId = "the server's store";
  const storage = new MemoryStorage();
  await storage.save(["storage-adapter-id"], new TextEncoder().encode(serverStorageId));
  new Repo({
    storage,
    network: [new NodeWSServerAdapter(sockets as never)],
    sharePolicy: () => Promise.resolve(false),
  });
  deviceStorage = new MemoryStorage();
});

afterEach(async () => {
  adapter.disconnect();
  for (const client of sockets.clients) client.terminate();
  await new Promise((resolve) => sockets.close(resolve));
});

function device(): Repo {
  const { port } = sockets.address() as AddressInfo;
  adapter = new SocketAdapter({
    url: `ws://127.0.0.1:${port}`,
    onFrame: () => {},
    onConnection: () => {},
    admit: () => Promise.resolve(true),
    WebSocket: NodeWebSocket as unknown as typeof WebSocket,
  });
  return new Repo({ storage: deviceStorage, network: [adapter] });
}

async function ledgerOf(storage: StorageAdapterInterface): Promise<Ledger> {
  const ledger = new Ledger(storage, serverStorageId);
  await ledger.load();
  return ledger;
}

function write(handle: DocHandle<Note>, letters: string): void {
  for (const letter of letters) {
    handle.change((note) => {
      note.text += letter;
    });
  }
}

const waiting = (ledger: Ledger, handle: { documentId: string }) =>
  ledger.waiting.get().get(handle.documentId)?.changes ?? 0;

test("counts until the server has acknowledged, and again while it can not be reached", async () => {
  const repo = device();
  const ledger = await ledgerOf(deviceStorage);
  const handle = repo.create<Note>({ text: "" });
  ledger.track(handle as DocHandle<unknown>);
  expect(waiting(ledger, handle)).toBe(1);
  await vi.waitFor(() => expect(waiting(ledger, handle)).toBe(0), { timeout: 5_000 });
  adapter.disconnect();
  write(handle, "abc");
  await vi.waitFor(() => expect(waiting(ledger, handle)).toBe(3));
});

test("the first change after Saved counts at once", async () => {
  const repo = device();
  const ledger = await ledgerOf(deviceStorage);
  const handle = repo.create<Note>({ text: "" });
  ledger.track(handle as DocHandle<unknown>);
  await vi.waitFor(() => expect(waiting(ledger, handle)).toBe(0), { timeout: 5_000 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  write(handle, "a");
  expect(waiting(ledger, handle)).toBe(1);
});

test("after a reload without a network it knows what waits, and in which documents", async () => {
  const first = device();
  const before = await ledgerOf(deviceStorage);
  const handle = first.create<Note>({ text: "" });
  before.track(handle as DocHandle<unknown>);
  await vi.waitFor(() => expect(waiting(before, handle)).toBe(0), { timeout: 5_000 });
  adapter.disconnect();
  write(handle, "abcd");
  await vi.waitFor(() => expect(waiting(before, handle)).toBe(4));
  await first.flush();

  const second = new Repo({ storage: deviceStorage });
  const after = await ledgerOf(deviceStorage);
  expect(after.waitingDocuments()).toEqual([handle.documentId]);
  const again = await second.find<Note>(handle.documentId);
  after.track(again as DocHandle<unknown>);
  expect(waiting(after, again)).toBe(4);
});
