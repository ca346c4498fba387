import { expect, PHONE, test } from "../harness/test.ts";

test("two people type in the same paragraph and see each other", async ({ world }) => {
  const ann = await world.person("Ann Okafor");
  const ben = await world.person("Ben Castellanos", PHONE);
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);

  await ann.types(" Renewal is due in March.");
  await expect(ben.firstParagraph).toContainText("Renewal is due in March.");
  await Promise.all([
    ann.types(" Ann writes on.", { delay: 15 }),
    ben.types(" Ben does too.", { delay: 15 }),
  ]);
  await expect.poll(() => ann.words()).toContain("Ben does too.");
  await expect.poll(() => ben.words()).toContain("Ann writes on.");
  expect(await ann.words()).toBe(await ben.words());
  await ann.saved();
  await ben.saved();

  await expect(ann.page.getByRole("list", { name: "Also here" }).getByRole("img")).toHaveAccessibleName(
    "Ben Castellanos",
  );
  await expect(ben.page.getByRole("list", { name: "Also here" }).getByRole("img")).toHaveAccessibleName(
    "Ann Okafor",
  );
  await expect(ann.caretOf("Ben Castellanos")).toHaveCount(1);
  await expect(ben.caretOf("Ann Okafor")).toHaveCount(1);
  expect([...ann.complaints, ...ben.complaints]).toEqual([]);
});

test("a caret stays beside its word while somebody else types before it", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  await ben.types(" END");
  const bensCaret = ann.caretOf("Ben");
  await expect(bensCaret).toHaveCount(1);

  const before = () =>
    bensCaret.evaluate((caret) => {
      const range = document.createRange();
      range.setStart(caret.closest("p") as Node, 0);
      range.setEndBefore(caret);
      return range.toString();
    });
  await expect.poll(before).toMatch(/END$/);
  await ann.page.keyboard.press("Control+Home");
  await ann.body
    .locator("p")
    .first()
    .click({ position: { x: 2, y: 8 } });
  await ann.page.keyboard.press("Home");
  await ann.page.keyboard.type("First this. ");
  await expect(ben.firstParagraph).toContainText("First this.");
  await expect.poll(before).toMatch(/^First this\. .* END$/);
});

test("a caret says whose it is for a moment, then on request, and moves no letter", async ({ world }) => {
  const longName = "Maximiliane von Hohenstein-Rothenburg";
  const ann = await world.person("Ann", PHONE);
  const max = await world.person(longName);
  const id = await ann.makesDocument("Northwind");
  await ann.types(" Unbelievable");
  const places = () =>
    ann.body.evaluate((body) => Array.from(body.children, (block) => block.getBoundingClientRect().toJSON()));
  const before = await places();

  await max.opens(id);
  await max.toEndOfFirstParagraph();
  for (let letter = 0; letter < 6; letter += 1) await max.page.keyboard.press("ArrowLeft");
  const caret = ann.caretOf(longName);
  const name = caret.locator("[data-name]");
  await expect(name).toHaveCSS("opacity", "1");
  expect(await places(), "a caret within a word takes up no room").toEqual(before);
  const cut = await name.evaluate((name) => ({ all: name.scrollWidth, shown: name.clientWidth }));
  expect(cut.all, "a long name is cut").toBeGreaterThan(cut.shown);
  const right = await name.evaluate((name) => name.getBoundingClientRect().right);
  expect(right, "a name near the edge goes to the left").toBeLessThanOrEqual(390);

  await expect(name, "it makes way for the line above").toHaveCSS("opacity", "0");
  await caret.locator("span").first().hover();
  await expect(name).toHaveCSS("opacity", "1");
  await ann.page.mouse.move(0, 0);
  await expect(name).toHaveCSS("opacity", "0");
  await ann.page.emulateMedia({ reducedMotion: "reduce" });
  await max.page.keyboard.type("n");
  await expect(name, "whoever types is named again").toHaveCSS("opacity", "1");
  await expect(name, "also without motion it goes").toHaveCSS("opacity", "0");
});

test("nobody leaves a ghost behind", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  const others = ann.page.getByRole("list", { name: "Also here" });

  await ben.opens(id);
  await ben.types(" x");
  await expect(others).toBeVisible();
  await ben.page.getByRole("button", { name: "All documents" }).click();
  await expect(others).toBeHidden();
  await expect(ann.body.locator("[aria-hidden]")).toHaveCount(0);

  await ben.opens(id);
  await expect(others).toBeVisible();
  await ben.page.close({ runBeforeUnload: true });
  // Should the browser not find the time to say goodbye, the server waits ten seconds for it to come back.
  await expect(others).toBeHidden({ timeout: 15_000 });
});

test("two titles merge", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  await ann.title.focus();
  await ann.page.keyboard.press("Home");
  await ben.title.focus();
  await ben.page.keyboard.press("End");
  await Promise.all([
    ann.page.keyboard.type("The great ", { delay: 20 }),
    ben.page.keyboard.type(", next year", { delay: 20 }),
  ]);
  await expect(ann.title).toHaveValue("The great Northwind, next year");
  await expect(ben.title).toHaveValue("The great Northwind, next year");
  await expect(ann.page).toHaveTitle("The great Northwind, next year · Fieldbook");
});

test("formats by toolbar and by keys, and undoes", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben", PHONE);
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  await ann.types(" Call them");
  await ann.page.keyboard.press("Control+Shift+ArrowLeft");
  await ann.page.keyboard.press("Control+b");
  await expect(ben.body.locator("strong")).toHaveText("them");
  await expect(ann.page.getByRole("button", { name: "Bold" })).toHaveAttribute("aria-pressed", "true");
  await ann.page.getByRole("button", { name: "Bulleted list" }).click();
  await expect(ben.body.locator("li", { hasText: "Call them" })).toHaveCount(1);
  await ann.page.getByRole("button", { name: "Undo" }).click();
  await expect(ben.body.locator("li", { hasText: "Call them" })).toHaveCount(0);

  await ben.firstParagraph.tap();
  await ben.page.getByRole("combobox", { name: "Paragraph style" }).selectOption("Heading 1");
  await expect(ann.body.locator("h2", { hasText: "Call them" })).toHaveCount(1);
});
