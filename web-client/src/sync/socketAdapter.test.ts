import type { Message, PeerId } from "@automerge/automerge-repo/slim";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";
import type { ServerFrame } from "./frames";
import { SocketAdapter } from "./socketAdapter";
import { type TestConnection, TestServer } from "./testServer";

const tab = "tab-1" as PeerId;

let server: TestServer;
let adapter: SocketAdapter;
let frames: ServerFrame[];
let connections: string[];
let answersPings: boolean;
let admit: () => Promise<boolean>;

function play(connection: TestConnection, frame: Record<string, unknown>): void {
  if (frame.type === "join") connection.welcome();
  if (frame.kind === "ping" && answersPings) connection.say({ type: "fb", kind: "pong", id: frame.id });
}

function start(url = server.url): void {
  adapter = new SocketAdapter({
    url,
    onFrame: (frame) => frames.push(frame),
    onConnection: (connection) => connections.push(connection),
    admit: () => admit(),
    WebSocket: NodeWebSocket as unknown as typeof WebSocket,
    pongDeadlineMs: 150,
  });
  adapter.connect(tab, { isEphemeral: false });
}

beforeEach(async () => {
  frames = [];
  connections = [];
  answersPings = true;
  admit = () => Promise.resolve(true);
  server = await TestServer.start(play);
});

afterEach(async () => {
  adapter.disconnect();
  await server.stop();
});

const online = () => vi.waitFor(() => expect(connections.at(-1)).toBe("online"));

describe("joining", () => {
  test("speaks first, as a Fieldbook client, and presents the server as a peer", async () => {
    const peers: unknown[] = [];
    start();
    adapter.on("peer-candidate", (peer) => peers.push(peer));
    await online();
    expect(server.last().heard[0]).toMatchObject({
      type: "join",
      senderId: tab,
      supportedProtocolVersions: ["1"],
      fieldbook: 1,
    });
    expect(peers).toEqual([{ peerId: "server", peerMetadata: { storageId: "store-1", isEphemeral: false } }]);
    expect(adapter.isReady()).toBe(true);
  });

  test("says nothing on a socket whose cookie is somebody else's", async () => {
    admit = () => Promise.resolve(false);
    start();
    await vi.waitFor(() => expect(connections).toContain("offline"));
    expect(server.connections.flatMap(({ heard }) => heard)).toEqual([]);
  });

  test("is ready, without a peer, when there is no server", async () => {
    start("ws://127.0.0.1:9/sync");
    await adapter.whenReady();
    expect(connections).toEqual(["connecting", "offline"]);
  });
});

describe("frames", () => {
  test("`fb` frames never reach the Repo; all others do", async () => {
    const messages: Message[] = [];
    start();
    adapter.on("message", (message) => messages.push(message));
    await online();
    server.last().say({ type: "fb", kind: "role", documentId: "doc", role: "viewer" });
    server.last().say({ type: "fb", kind: "of a later version", documentId: "doc" });
    server
      .last()
      .say({ type: "sync", senderId: "server", targetId: tab, documentId: "doc", data: new Uint8Array([1]) });
    await vi.waitFor(() => expect(messages).toHaveLength(1));
    expect(messages[0]).toMatchObject({ type: "sync", data: new Uint8Array([1]) });
    expect(frames).toContainEqual({ kind: "role", documentId: "doc", role: "viewer" });
    expect(frames.every(({ kind }) => kind === "role" || kind === "pong")).toBe(true);
  });

  test("bytes travel as bytes", async () => {
    start();
    await online();
    adapter.sendFrame({ kind: "presence", documentId: "doc", data: new Uint8Array([7, 8]) });
    await vi.waitFor(() =>
      expect(server.last().heard).toContainEqual({
        type: "fb",
        kind: "presence",
        documentId: "doc",
        data: Buffer.from([7, 8]),
      }),
    );
  });

  test("what can not be sent is dropped without a fuss", async () => {
    start("ws://127.0.0.1:9/sync");
    await adapter.whenReady();
    expect(adapter.sendFrame({ kind: "ping", id: 1 })).toBe(false);
    adapter.send({
      type: "sync",
      senderId: tab,
      targetId: "server" as PeerId,
      documentId: "doc",
      data: new Uint8Array([1]),
    } as Message);
  });
});

describe("coming back", () => {
  test("a lost server is told to the Repo, and found again with the same peer id", async () => {
    const lost = vi.fn();
    start();
    adapter.on("peer-disconnected", lost);
    await online();
    server.last().socket.terminate();
    await vi.waitFor(() => expect(server.connections).toHaveLength(2));
    await online();
    expect(lost).toHaveBeenCalledOnce();
    expect(server.last().heard[0]).toMatchObject({ type: "join", senderId: tab });
  });

  test("a server that does not answer a ping is left, and met again", async () => {
    start();
    await vi.waitFor(() => expect(frames).toContainEqual({ kind: "pong", id: 1 }));
    answersPings = false;
    adapter.wake();
    await vi.waitFor(() => expect(server.connections).toHaveLength(2), { timeout: 2_000 });
  });

  test("a stock server, which knows no pings, is not left", async () => {
    answersPings = false;
    start();
    await online();
    adapter.wake();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.connections).toHaveLength(1);
  });

  test("anything heard is a sign of life", async () => {
    start();
    await vi.waitFor(() => expect(frames).toContainEqual({ kind: "pong", id: 1 }));
    answersPings = false;
    adapter.wake();
    server.last().say({ type: "fb", kind: "store", documentId: "doc", ok: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.connections).toHaveLength(1);
  });

  test("waking up does not wait for the next attempt", async () => {
    const { url } = server;
    await server.stop();
    start(url);
    await vi.waitFor(() => expect(connections).toContain("offline"));
    const attempts = connections.length;
    await new Promise((resolve) => setTimeout(resolve, 20));
    adapter.wake();
    expect(connections.length).toBeGreaterThan(attempts);
  });

  test("after a goodbye it stays away", async () => {
    start();
    await online();
    adapter.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(server.connections).toHaveLength(1);
  });
});
