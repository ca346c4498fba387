import { expect, test } from "../harness/test.ts";

test("archiving can be undone, and restored from the archive", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.page.getByRole("button", { name: "All documents" }).click();
  const link = ann.page.getByRole("link", { name: "Northwind" });

  await ann.page.getByRole("button", { name: "Archive Northwind" }).click();
  await expect(link).toBeHidden();
  await ann.page.getByRole("button", { name: "Undo" }).click();
  await expect(link).toBeVisible();

  await ann.page.getByRole("button", { name: "Archive Northwind" }).click();
  await ann.page.getByRole("link", { name: "Archive", exact: true }).click();
  await ann.page.getByRole("button", { name: "Restore Northwind" }).click();
  await expect(link).toBeHidden();
  await ann.page.getByRole("link", { name: "Current" }).click();
  await expect(link).toBeVisible();
});

test("who makes a document goes on writing in it", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.page.goto(world.server.url);
  await ann.page.getByRole("button", { name: "Make the first document" }).press("Enter");
  await ann.page.getByRole("textbox", { name: "Title" }).fill("Northwind");
  await ann.page.keyboard.press("Enter");
  await expect(ann.body).toBeFocused();
  await ann.page.keyboard.type("At once. ");
  await expect(ann.body).toContainText("At once.");
  await ann.page.reload();
  await expect(ann.body).toContainText("At once.");
  await expect(ann.body).not.toBeFocused();
});

test("a new title shows in the list at once", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.title.focus();
  await ann.page.keyboard.press("End");
  await ann.page.keyboard.type(" Traders");
  await ann.page.getByRole("button", { name: "All documents" }).click();
  await expect(ann.page.getByRole("link", { name: "Northwind Traders" })).toBeVisible();
});
