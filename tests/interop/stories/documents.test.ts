import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DocHandle, generateAutomergeUrl, Repo } from "@automerge/automerge-repo";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { peerId, Server, until } from "../server";

type Notes = { text?: string; by?: Record<string, boolean> };

let server: Server;
beforeEach(async () => {
  server = await Server.start();
});
afterEach(() => server.stop());

/** Resolves when the server has said that everything in the handle is durable (S5). */
function saved<T>(handle: DocHandle<T>): Promise<void> {
  return new Promise((resolve) => {
    handle.on("remote-heads", ({ heads }) => {
      if (heads.join() === handle.heads().join()) resolve();
    });
  });
}

test("D2: what one client creates, another finds at once", async () => {
  const ann = server.repo("ann");
  const ben = server.repo("ben");
  const made = ann.create<Notes>({ text: "pilot in Lyon" });
  const found = await ben.find<Notes>(made.url);
  expect(found.doc()).toEqual({ text: "pilot in Lyon" });
});

test("S4: edits go both ways, and both end with the same heads", async () => {
  const made = server.repo("ann").create<Notes>({ by: {} });
  const found = await server.repo("ben").find<Notes>(made.url);
  for (let n = 0; n < 20; n += 1) {
    made.change((doc) => {
      doc.by = { ...doc.by, [`ann ${n}`]: true };
    });
    found.change((doc) => {
      doc.by = { ...doc.by, [`ben ${n}`]: true };
    });
  }
  await until(() => made.heads().join() === found.heads().join());
});

test("S5, R8: what remote-heads has told survives a SIGKILL", async () => {
  const made = server.repo("ann").create<Notes>();
  for (let round = 0; round < 5; round += 1) {
    const told = saved(made);
    made.change((doc) => {
      doc.text = `round ${round}`;
    });
    await told;
    await server.kill();
    await server.run();
    const found = await server.repo(`reader ${round}`).find<Notes>(made.url);
    expect(found.doc().text).toBe(`round ${round}`);
  }
});

test("edits made while the server is away merge when it is back", async () => {
  const made = server.repo("ann").create<Notes>({ by: {} });
  const found = await server.repo("ben").find<Notes>(made.url);
  await server.kill();
  made.change((doc) => {
    if (doc.by) doc.by.ann = true;
  });
  found.change((doc) => {
    if (doc.by) doc.by.ben = true;
  });
  await server.run();
  await until(
    () => Object.keys(made.doc().by ?? {}).length === 2 && made.heads().join() === found.heads().join(),
  );
  expect(found.doc().by).toEqual({ ann: true, ben: true });
});

test("a client that kept its documents on its own disk brings what it wrote offline", async () => {
  const disk = mkdtempSync(join(tmpdir(), "fieldbook-client-"));
  // Not earlier: a stock repo saves its sync states a while later.
  process.once("exit", () => rmSync(disk, { recursive: true, force: true }));
  const storage = () => new NodeFSStorageAdapter(disk);
  const online = server.repo("ann", { storage: storage() });
  const made = online.create<Notes>({ by: {} });
  await saved(made);
  await online.flush();
  const offline = new Repo({ network: [], storage: storage() });
  const alone = await offline.find<Notes>(made.url);
  alone.change((doc) => {
    if (doc.by) doc.by["on the train"] = true;
  });
  await offline.flush();
  const back = server.repo("ann", { storage: storage() });
  await back.find<Notes>(made.url);
  const found = await server.repo("ben").find<Notes>(made.url);
  await until(() => found.doc().by?.["on the train"] === true);
});

test("D2: unknown documents are unavailable, after the grace and not much later", async () => {
  const ann = server.repo("ann");
  await ann.networkSubsystem.whenReady();
  const start = Date.now();
  await expect(ann.find(generateAutomergeUrl())).rejects.toThrow(/unavailable/);
  const took = Date.now() - start;
  expect(took).toBeGreaterThanOrEqual(290);
  expect(took).toBeLessThan(10_000);
});

test("D2: another workspace's document looks exactly like one that does not exist", async () => {
  const made = server.repo("ann").create<Notes>({ text: "margins" });
  await saved(made);
  const stranger = server.repo("zoe", { options: ["--workspace", "Somebody else"] });
  await stranger.networkSubsystem.whenReady();
  const answers: { message: string; grace: boolean }[] = [];
  for (const url of [made.url, generateAutomergeUrl()]) {
    const start = Date.now();
    const error = await stranger.find(url).then(
      () => new Error("found"),
      (reason: Error) => reason,
    );
    answers.push({ message: error.message.replace(url, "…"), grace: Date.now() - start >= 290 });
  }
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]).toEqual({ message: "Document … is unavailable", grace: true });
});

test("D2: a document that comes to be later makes the waiting handle ready after all", async () => {
  const ann = server.repo("ann");
  const away = new Repo({ network: [] });
  const made = away.create<Notes>({ text: "written on a plane" });
  await expect(ann.find(made.url)).rejects.toThrow(/unavailable/);
  away.networkSubsystem.addNetworkAdapter(server.adapter("ben"));
  const handle = ann.findWithProgress<Notes>(made.url).handle;
  await until(() => handle.isReady());
  expect(handle.doc()).toEqual({ text: "written on a plane" });
});

test("S7: a viewer reads, and what a viewer writes stays on the viewer's device", async () => {
  const made = server.repo("ann").create<Notes>({ text: "by Ann" });
  await saved(made);
  const viewed = await server.repo("vera", { options: ["--role", "viewer"] }).find<Notes>(made.url);
  viewed.change((doc) => {
    doc.text = "by Vera";
  });
  made.change((doc) => {
    doc.by = { ann: true };
  });
  await until(() => viewed.doc().by?.ann === true);
  const fresh = await server.repo("ben").find<Notes>(made.url);
  expect(fresh.doc()).toEqual({ text: "by Ann", by: { ann: true } });
});

test("C5: the same peer id again takes the first one's place", async () => {
  const first = server.repo("ann", { peerId: peerId("anns-laptop") });
  const made = first.create<Notes>({ text: "one" });
  await saved(made);
  const second = server.repo("ann", { peerId: peerId("anns-laptop") });
  const found = await second.find<Notes>(made.url);
  found.change((doc) => {
    doc.text = "two";
  });
  const seen = await server.repo("ben").find<Notes>(made.url);
  await until(() => seen.doc().text === "two");
});

test("S2: a newcomer gets a long history in one piece", async () => {
  const made = server.repo("ann").create<{ text: string }>({ text: "" });
  for (let n = 0; n < 3_000; n += 1) {
    made.change((doc) => {
      doc.text = `${n}`;
    });
  }
  await saved(made);
  const found = await server.repo("ben").find<{ text: string }>(made.url);
  await until(() => found.doc().text === "2999");
  expect(found.heads()).toEqual(made.heads());
});
