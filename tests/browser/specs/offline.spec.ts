import { expect, test } from "../harness/test.ts";

/** Waits until the service worker could open the app without a network. */
async function readyForOffline(page: import("@playwright/test").Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
  });
  await page.reload();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
}

/** Whether the browser keeps the contents of a document. */
async function isOnDevice(page: import("@playwright/test").Page, id: string): Promise<boolean> {
  return page.evaluate(async (id) => {
    const names = (await indexedDB.databases()).map(({ name }) => name ?? "");
    const name = names.find((name) => name.startsWith("fieldbook-"));
    if (name === undefined) return false;
    const settled = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await settled(indexedDB.open(name));
    const keys = await settled(database.transaction("documents").objectStore("documents").getAllKeys());
    database.close();
    return keys.some((key) => Array.isArray(key) && key[0] === id && key[1] === "snapshot");
  }, id);
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
  // Who saves data gets no documents that nobody has opened.
  await ben.page.addInitScript(() => {
    Object.defineProperty(navigator, "connection", { value: { saveData: true } });
  });
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

test("a document of the list that nobody has opened here is here when the server is not", async ({
  world,
}) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ann.types(" Renewal is due in March.");
  await ann.saved();
  await ann.page.evaluate(() => {
    const seen = () => document.querySelector('[aria-label="Also here"]') !== null;
    new MutationObserver(() => {
      if (seen()) document.documentElement.dataset.seenSomebody = "yes";
    }).observe(document.body, { childList: true, subtree: true });
  });
  const sawSomebody = () => ann.page.evaluate(() => document.documentElement.dataset.seenSomebody === "yes");

  await ben.page.goto(world.server.url);
  await ben.page.getByRole("link", { name: "Northwind" }).waitFor();
  await expect.poll(() => isOnDevice(ben.page, id), { timeout: 20_000 }).toBe(true);
  await readyForOffline(ben.page);
  expect(await sawSomebody(), "who fetches a document is not there").toBe(false);

  await world.server.kill();
  await ben.page.reload();
  await ben.page.getByRole("link", { name: "Northwind" }).waitFor();
  await expect(ben.page.getByText("Not on this device")).toBeHidden();
  await ben.page.getByRole("link", { name: "Northwind" }).click();
  await expect(ben.firstParagraph).toContainText("Renewal is due in March.");
  await expect(ben.status, "nothing of it is Ben's").toHaveText("Status: Offline");

  await ben.types(" Noted on the plane.");
  await world.server.restart();
  await expect(ann.firstParagraph).toContainText("Noted on the plane.");
  await ben.saved();
  await expect.poll(sawSomebody).toBe(true);
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
