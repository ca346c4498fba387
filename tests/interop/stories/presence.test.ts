import { Presence } from "@automerge/automerge-repo";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pause, peerId, Server, until } from "../server";

let server: Server;
beforeEach(async () => {
  server = await Server.start();
});
afterEach(() => server.stop());

test("E1: an ephemeral message reaches everybody else exactly once, although stock clients echo it", async () => {
  const made = server.repo("ann").create({ open: true });
  const others = await Promise.all(["ben", "cat", "dan"].map((name) => server.repo(name).find(made.url)));
  const heard = [0, 0, 0];
  let own = 0;
  made.on("ephemeral-message", () => {
    own += 1;
  });
  others.forEach((handle, index) => {
    handle.on("ephemeral-message", () => {
      heard[index] = (heard[index] ?? 0) + 1;
    });
  });
  for (let n = 0; n < 20; n += 1) made.broadcast({ n });
  await until(() => heard.every((count) => count >= 20));
  // Echoes, if they were relayed, would arrive now.
  await pause(500);
  expect(heard).toEqual([20, 20, 20]);
  expect(own).toBe(0);
});

test("E2: stock presence works, and the server says goodbye for who is lost", async () => {
  const ann = server.repo("ann", { peerId: peerId("ann-1") });
  const ben = server.repo("ben", { peerId: peerId("ben-1") });
  const made = ann.create({ open: true });
  const found = await ben.find(made.url);
  const [anns, bens] = [
    new Presence<{ at: number }>({ handle: made }),
    new Presence<{ at: number }>({ handle: found }),
  ];
  anns.start({ initialState: { at: 1 } });
  bens.start({ initialState: { at: 2 } });
  await until(() => anns.getPeerStates().value[peerId("ben-1")] !== undefined);
  const gone = new Promise((resolve) => anns.on("goodbye", resolve));
  for (const adapter of ben.networkSubsystem.adapters) {
    // Not a clean end: the TCP connection is cut.
    (adapter as unknown as { socket: { terminate(): void } }).socket.terminate();
  }
  await gone;
  anns.stop();
});
