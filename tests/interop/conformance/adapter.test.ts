import { runNetworkAdapterTests } from "@automerge/automerge-repo/helpers/tests/network-adapter-tests.js";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";
import { afterAll, beforeAll } from "vitest";
import { Server } from "../server";

let server: Server;
let url: string;

beforeAll(async () => {
  server = await Server.start();
  // One user: the suite gives the same peer id now to one adapter, now to another, and a peer id belongs to its user (C5).
  url = server.url(server.token("ann"));
});
afterAll(() => server.stop());

runNetworkAdapterTests(async () => ({
  adapters: [
    new WebSocketClientAdapter(url),
    new WebSocketClientAdapter(url),
    new WebSocketClientAdapter(url),
  ],
}));
