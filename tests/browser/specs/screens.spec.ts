import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "@playwright/test";
import { DESK, expect, PHONE, test } from "../harness/test.ts";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeResult {
  violations: { id: string; impact: string | null; help: string; nodes: { html: string }[] }[];
}

/** Looks at a screen in light and dark: nothing serious for axe, nothing wider than the screen, and a picture for us. */
async function inspect(page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(250);
    await page.screenshot({ path: `screenshots/${name}-${colorScheme}.png` });
    expect(await serious(page), `${name}, ${colorScheme}`).toEqual([]);
  }
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, `${name} is wider than the screen`).toBeLessThanOrEqual(0);
}

async function serious(page: Page): Promise<string[]> {
  // Through the debugger, which the content policy does not bind.
  const result = (await page.evaluate(`${axe}; axe.run()`)) as AxeResult;
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** The people of the workspace, a link for one of them, and where it leads; then one's own devices. */
async function lookAfterThePeople(page: Page, device: string): Promise<void> {
  const menu = page.getByRole("button", { name: "Account of Ann Okafor" });
  await menu.click();
  await page.getByRole("menuitem", { name: "People" }).click();
  await page.getByText("Ben Carter").waitFor();
  await inspect(page, `${device}-people`);
  await page.getByRole("button", { name: "A new password for Ben Carter" }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = await page.getByLabel("Link for a new password").inputValue();
  await inspect(page, `${device}-password-link`);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await menu.click();
  await page.getByRole("menuitem", { name: "Devices and password" }).click();
  await page.getByText("This browser").waitFor();
  await inspect(page, `${device}-account`);
  await page.keyboard.press("Escape");
  const reset = await page.context().newPage();
  await reset.goto(link);
  await reset.getByLabel("New password").waitFor();
  await inspect(reset, `${device}-new-password`);
  await reset.close();
}

for (const [device, options] of Object.entries({ desk: DESK, phone: PHONE })) {
  test(`each screen on a ${device}`, async ({ world }) => {
    test.setTimeout(120_000);
    const ann = await world.stranger("Ann", options);
    const { page } = ann;
    const strangers: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(world.server.url) && !request.url().startsWith("data:"))
        strangers.push(request.url());
    });

    await page.goto(await world.server.setupLink());
    await page.getByLabel("Workspace name").waitFor();
    await inspect(page, `${device}-setup`);
    await page.goto(world.server.url);
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await inspect(page, `${device}-sign-in`);
    await page.goto(await world.server.setupLink());
    await page.getByLabel("Workspace name").fill("Meridian Sales West");
    await page.getByLabel("Your name").fill("Ann Okafor");
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Create workspace" }).click();
    await page.getByRole("heading", { name: "Documents" }).waitFor();
    await inspect(page, `${device}-empty`);
    await world.person("Ben Carter");

    await page.getByRole("button", { name: "Make the first document" }).click();
    await inspect(page, `${device}-new`);
    await page.getByLabel("Title").fill("Northwind Traders, this year");
    await page.getByRole("button", { name: "Create" }).click();
    await ann.body.waitFor();
    await ann.saved();
    await ann.types(" Renewal is due in March.");
    await inspect(page, `${device}-document`);
    await page.getByRole("button", { name: "Link" }).click();
    await inspect(page, `${device}-link`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Share" }).click();
    await page.getByRole("heading", { name: "Named here" }).waitFor();
    await inspect(page, `${device}-share`);
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "All documents" }).click();
    await page.getByRole("link", { name: "Northwind Traders, this year" }).waitFor();
    await inspect(page, `${device}-list`);
    await page.getByRole("button", { name: "Account of Ann Okafor" }).click();
    await inspect(page, `${device}-menu`);
    await page.getByRole("menuitem", { name: "Invite somebody" }).click();
    await inspect(page, `${device}-invite`);
    await page.keyboard.press("Escape");
    await lookAfterThePeople(page, device);
    await page.getByRole("link", { name: "Archive", exact: true }).click();
    await inspect(page, `${device}-archive`);
    await page.getByRole("link", { name: "Trash", exact: true }).click();
    await inspect(page, `${device}-trash`);
    await page.goBack();

    await world.server.kill();
    await page.goBack();
    await page.getByRole("link", { name: "Northwind Traders, this year" }).click();
    await ann.types(" Offline.");
    await expect(ann.status).toHaveText(/Offline/);
    await inspect(page, `${device}-offline`);
    await page.getByRole("button", { name: "All documents" }).click();
    await expect(page.getByTitle(/changes? waits? on this device/)).toBeVisible();
    const home = await page.getByRole("link", { name: "Fieldbook" }).boundingBox();
    expect(home?.height, "the name does not break").toBeLessThan(50);
    await inspect(page, `${device}-list-offline`);
    expect(strangers).toEqual([]);
  });
}

test("a word without an end does not widen a phone's page", async ({ world }) => {
  const ann = await world.person("Ann", PHONE);
  await ann.makesDocument("Northwind");
  const word = "x".repeat(300);
  await ann.toEndOfFirstParagraph();
  await ann.page.keyboard.insertText(` ${word}`);
  await ann.pastes(
    `<h2>${word}</h2><ul><li>${word}</li></ul><blockquote>${word}</blockquote><pre>${word}</pre>`,
  );
  await expect(ann.body.locator("pre")).toContainText(word);
  // No more fits into a title.
  await ann.title.fill(word);
  await expect(ann.title).toHaveValue(/^x{200}$/);
  const widths = await ann.page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const field = document.querySelector("textarea") as HTMLElement;
    const words = document.createRange();
    words.selectNodeContents(document.querySelector(".ProseMirror") as HTMLElement);
    const { right } = words.getBoundingClientRect();
    return { scrollWidth, clientWidth, right, fieldScrolls: field.scrollWidth - field.clientWidth };
  });
  expect(widths.clientWidth).toBe(390);
  expect(widths.scrollWidth).toBeLessThanOrEqual(widths.clientWidth);
  expect(widths.right, "no letter is cut off").toBeLessThanOrEqual(widths.clientWidth);
  expect(widths.fieldScrolls).toBeLessThanOrEqual(0);
});

test("targets are large enough for a thumb", async ({ world }) => {
  const ann = await world.person("Ann", PHONE);
  await ann.makesDocument("Northwind");
  const small = () =>
    ann.page.evaluate(() =>
      Array.from(document.querySelectorAll("button, a[href], input, select, textarea"))
        .filter((element) => element.getClientRects().length > 0 && !element.classList.contains("skip-link"))
        .map((element) => ({
          name: element.outerHTML.slice(0, 80),
          height: element.getBoundingClientRect().height,
        }))
        .filter(({ height, name }) => height < 44 && !name.includes("title")),
    );
  expect(await small()).toEqual([]);
});
