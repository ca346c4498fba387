import { expect, test } from "../harness/test.ts";

const BOUND = 200;
const HINT = "A title has at most 200 characters.";

test("a title takes no more than the server would, and says so", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.makesDocument("x".repeat(BOUND - 3));
  const hint = ann.page.getByText(HINT);
  await ann.title.focus();
  await ann.page.keyboard.press("Control+End");
  await ann.page.keyboard.type("abc");
  await expect(ann.title).toHaveValue(/^x+abc$/);
  await expect(hint).toHaveCount(0);
  await ann.page.keyboard.press("Control+Home");
  await ann.page.keyboard.insertText("too much");
  await expect(ann.title).toHaveValue(/^x+abc$/);
  await expect(hint).toBeVisible();
  await ann.page.keyboard.press("Delete");
  await expect(ann.title).toHaveValue(new RegExp(`^x{${BOUND - 4}}abc$`));
  await expect(hint).toHaveCount(0);
  await ann.page.keyboard.insertText("123");
  await expect(ann.title).toHaveValue(new RegExp(`^1x{${BOUND - 4}}abc$`));
  await expect(hint).toBeVisible();
  await ann.page.keyboard.press("Enter");
  await expect(hint).toHaveCount(0);
  await ann.saved();
});

test("a title that became longer elsewhere is shown as it is, and may be made shorter", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("x".repeat(BOUND - 5));
  await ben.opens(id);
  await ben.saved();
  // Each has room for five letters, and the two do not know of each other.
  await ben.context.setOffline(true);
  await expect(ben.status).toHaveText("Status: Offline");
  for (const [person, key, text] of [
    [ann, "Control+Home", "Ann, "],
    [ben, "Control+End", ", Ben"],
  ] as const) {
    await person.title.focus();
    await person.page.keyboard.press(key);
    await person.page.keyboard.insertText(text);
  }
  await ben.context.setOffline(false);
  const whole = new RegExp(`^Ann, x{${BOUND - 5}}, Ben$`);
  await expect(ann.title).toHaveValue(whole);
  await expect(ben.title).toHaveValue(whole);

  await ann.title.focus();
  await ann.page.keyboard.press("Control+End");
  await ann.page.keyboard.type("!");
  await expect(ann.title).toHaveValue(whole);
  await expect(ann.page.getByText(HINT)).toBeVisible();
  await ann.page.keyboard.press("Backspace");
  await expect(ben.title).toHaveValue(/, Be$/);
  await ann.saved();
});
