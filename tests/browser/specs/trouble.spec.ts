import type { WebSocketRoute } from "@playwright/test";
import { Encoder } from "cbor-x";
import { WebSocket } from "ws";
import { expect, type Person, test } from "../harness/test.ts";

const cbor = new Encoder({ tagUint8Array: false, useRecords: false });

/** Puts itself between a person and the server, to say things in the server's name. */
async function between(person: Person): Promise<{ say: (frame: object) => void; mute: () => void }> {
  let latest: WebSocketRoute | null = null;
  let muted = false;
  await person.page.routeWebSocket(/\/sync$/, (socket) => {
    const server = socket.connectToServer();
    latest = socket;
    muted = false;
    socket.onMessage((message) => {
      if (!muted) server.send(message);
    });
    server.onMessage((message) => {
      if (!muted) socket.send(message);
    });
  });
  return {
    say: (frame) => latest?.send(Buffer.from(cbor.encode(frame))),
    mute: () => {
      muted = true;
    },
  };
}

test("says that the server can not save, and when it can again", async ({ world }) => {
  const ann = await world.person("Ann");
  const wire = await between(ann);
  const documentId = await ann.makesDocument("Northwind");
  await ann.saved();
  wire.say({ type: "fb", kind: "store", documentId, ok: false });
  await expect(ann.status).toHaveText("Status: The server can’t save right now");
  wire.say({ type: "fb", kind: "store", documentId, ok: true });
  await ann.saved();
});

test("a refused change is told, its words can be copied, and the shared version loaded", async ({
  world,
}) => {
  const ann = await world.person("Ann");
  await ann.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: world.server.url });
  const wire = await between(ann);
  const documentId = await ann.makesDocument("Northwind");
  await ann.types(" Shared.");
  await ann.saved();
  await world.server.kill();
  await expect(ann.status).toHaveText(/Offline/);
  await ann.types(" Refused.");
  await world.server.restart();
  await ann.saved();
  wire.say({
    type: "fb",
    kind: "refused",
    documentId,
    hashes: ["00"],
    rule: "text",
    text: "This change is too large.",
  });

  const notice = ann.page.getByRole("alert").filter({ hasText: "The server refused a change you made" });
  await expect(notice).toContainText("This change is too large.");
  await expect(ann.status).toHaveText("Status: The server refused a change");
  await expect(ann.body).toHaveAttribute("contenteditable", "false");
  await notice.getByRole("button", { name: "Copy my words" }).click();
  await expect(notice.getByRole("button", { name: "Copied" })).toBeVisible();
  expect(await ann.page.evaluate(() => navigator.clipboard.readText())).toContain("Shared. Refused.");
  await notice.getByRole("button", { name: "Load the shared version" }).click();
  await expect(notice).toBeHidden();
  await expect(ann.firstParagraph).toContainText("Shared. Refused.");
  await expect(ann.body).toHaveAttribute("contenteditable", "true");
  await ann.types(" Goes on.");
  await ann.saved();
});

test("who may only read from now on can not write, and may again later", async ({ world }) => {
  const ann = await world.person("Ann");
  const wire = await between(ann);
  const documentId = await ann.makesDocument("Northwind");
  await ann.saved();
  wire.say({ type: "fb", kind: "role", documentId, role: "viewer" });
  await expect(ann.status).toHaveText("Status: Read only");
  await expect(ann.body).toHaveAttribute("contenteditable", "false");
  await expect(ann.title).not.toBeEditable();
  wire.say({ type: "fb", kind: "role", documentId, role: "editor" });
  await expect(ann.body).toHaveAttribute("contenteditable", "true");
  await ann.types(" Again.");
  await ann.saved();
});

test("a connection that went silent is found out when the page is looked at again", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const wire = await between(ann);
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  await ann.saved();
  // As after a night in a pocket: the socket looks open, and nothing goes through it.
  wire.mute();
  await ben.types(" News.");
  await ben.saved();
  await ann.page.evaluate(() =>
    window.dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })),
  );
  await expect(ann.firstParagraph).toContainText("News.");
  await ann.saved();
});

test("somebody whose connection is lost shows as reconnecting, then is gone", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const documentId = await ann.makesDocument("Northwind");
  // Ben's device as a bare socket, since a browser says goodbye even when its page crashes.
  const cookie = (await ben.context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const headers = { cookie, origin: world.server.url };
  const socket = new WebSocket(`${world.server.url.replace("http", "ws")}/sync`, { headers });
  await new Promise((resolve) => socket.once("open", resolve));
  const send = (frame: object) => socket.send(cbor.encode(frame));
  const senderId = "ben-s-phone";
  send({ type: "join", senderId, peerMetadata: {}, supportedProtocolVersions: ["1"], fieldbook: 1 });
  const targetId = await new Promise((resolve) =>
    socket.once("message", (data: Buffer) => resolve((cbor.decode(data) as { senderId: string }).senderId)),
  );
  // An empty sync message: no heads, no needs, one empty `have`, no changes.
  const data = new Uint8Array([0x42, 0, 0, 1, 0, 0, 0]);
  send({ type: "request", senderId, targetId, documentId, data });

  const avatar = ann.page.getByRole("list", { name: "Also here" }).getByRole("img");
  await expect(avatar).toHaveAccessibleName("Ben");
  socket.terminate();
  await expect(avatar).toHaveAccessibleName("Ben, reconnecting");
  await ann.page.screenshot({ path: "screenshots/desk-reconnecting-light.png" });
  await expect(avatar).toHaveCount(0, { timeout: 15_000 });
});
