import { expect, test } from "../harness/test.ts";

/** Waits until the service worker could open the app without a network. */
async function readyForOffline(page: import("@playwright/test").Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await page.reload();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
}

test("one goes offline, both write, and both have both", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  await ben.saved();

  await ben.context.setOffline(true);
  await expect(ben.status).toHaveText("Status: Offline");
  await ben.types(" Written in a tunnel.");
  await expect(ben.status).toHaveText(/^Status: Offline · \d+ changes wait on this device$/);
  await ann.types(" Written at a desk.");
  await ann.saved();
  expect(await ann.words()).not.toContain("tunnel");

  await ben.context.setOffline(false);
  for (const person of [ann, ben]) {
    await expect.poll(() => person.words()).toContain("Written in a tunnel.");
    await expect.poll(() => person.words()).toContain("Written at a desk.");
    await person.saved();
  }
  expect(await ann.words()).toBe(await ben.words());
});

test("a reload without a server keeps everything, and knows what waits", async ({ world }) => {
  const ann = await world.person("Ann");
  const id = await ann.makesDocument("Northwind");
  await readyForOffline(ann.page);
  await ann.body.waitFor();
  await ann.saved();

  await world.server.kill();
  await expect(ann.status).toHaveText("Status: Offline");
  await ann.types(" abc");
  await expect(ann.status).toHaveText("Status: Offline · 4 changes wait on this device");
  await ann.page.reload();
  await expect(ann.firstParagraph).toContainText(" abc");
  await expect(ann.status).toHaveText("Status: Offline · 4 changes wait on this device");

  await ann.page.getByRole("button", { name: "All documents" }).click();
  await expect(ann.page.getByRole("link", { name: "Northwind" })).toBeVisible();
  await expect(ann.page.getByText("4 changes wait on this device", { exact: true })).toBeVisible();
  await ann.page.reload();
  await expect(ann.page.getByRole("link", { name: "Northwind" })).toBeVisible();

  await world.server.restart();
  // Nobody has opened the document again: what waits is sent all the same.
  await ann.saved();
  const ben = await world.person("Ben");
  await ben.opens(id);
  await expect(ben.firstParagraph).toContainText(" abc");
});

test("a document that is not on this device says so, and opens when the server is back", async ({
  world,
}) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ben.page.goto(world.server.url);
  await ben.page.getByRole("link", { name: "Northwind" }).waitFor();
  await readyForOffline(ben.page);
  await ben.page.getByRole("link", { name: "Northwind" }).waitFor();
  await world.server.kill();
  await ben.page.reload();
  await expect(ben.page.getByText("Not on this device")).toBeVisible();
  await ben.page.getByRole("link", { name: "Northwind" }).click();
  await expect(ben.page.getByText("This document is not on this device yet")).toBeVisible();
  await world.server.restart();
  await expect(ben.body).toBeVisible({ timeout: 20_000 });
  expect(ben.page.url()).toContain(id);
});

test("closing the tab right after typing loses nothing", async ({ world }) => {
  const ann = await world.person("Ann");
  const id = await ann.makesDocument("Northwind");
  await readyForOffline(ann.page);
  await ann.body.waitFor();
  await ann.saved();
  await world.server.kill();
  await ann.types(" Last words");
  await ann.page.close({ runBeforeUnload: true });

  const page = await ann.context.newPage();
  await page.goto(`${world.server.url}/d/${id}`);
  await expect(page.getByRole("textbox", { name: "Document text" })).toContainText(" Last words");
});

test("two tabs of one person share what they write offline", async ({ world }) => {
  const ann = await world.person("Ann");
  const id = await ann.makesDocument("Northwind");
  const second = await ann.context.newPage();
  await second.goto(`${world.server.url}/d/${id}`);
  await second.getByRole("textbox", { name: "Document text" }).waitFor();
  await world.server.kill();
  await ann.types(" In one tab");
  await expect(second.getByRole("textbox", { name: "Document text" })).toContainText(" In one tab");
});
