import { expect, test } from "../harness/test.ts";

test("what is moved to the trash can be restored, and deleted for ever", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  const { page } = ann;
  const link = page.getByRole("link", { name: "Northwind" });
  const moveToTrash = async () => {
    await page.getByRole("button", { name: "More" }).click();
    await page.getByRole("menuitem", { name: "Move to trash" }).click();
  };

  await moveToTrash();
  await expect(page.getByText("Moved to the trash")).toBeVisible();
  await expect(link).toBeHidden();
  await expect(ben.status).toHaveText(/^Status: Your access has ended/);
  await page.getByRole("button", { name: "Undo" }).click();
  await link.click();
  await ann.saved();

  await moveToTrash();
  await page.getByRole("link", { name: "Trash", exact: true }).click();
  await page.getByRole("button", { name: "Restore Northwind" }).click();
  await page.getByRole("link", { name: "Current" }).click();
  await link.click();
  await ann.saved();

  await moveToTrash();
  await page.getByRole("link", { name: "Trash", exact: true }).click();
  await expect(page.getByText(/^Deleted for ever on \d+ \w+ \d{4}$/)).toBeVisible();
  const remove = page.getByRole("button", { name: "Delete Northwind for ever" });
  await remove.click();
  const dialog = page.getByRole("dialog", { name: "Delete for ever?" });
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(remove).toBeFocused();
  await remove.click();
  await dialog.getByRole("button", { name: "Delete for ever" }).click();
  await expect(link).toBeHidden();
  await page.reload();
  await expect(page.getByText(/^Nothing here\./)).toBeVisible();
});

test("only owners find a document's way to the trash", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  await ben.opens(await ann.makesDocument("Northwind"));
  await ben.saved();
  await ben.page.getByRole("button", { name: "More" }).click();
  await expect(ben.page.getByRole("menuitem", { name: "Archive" })).toBeVisible();
  await expect(ben.page.getByRole("menuitem", { name: "Move to trash" })).toBeHidden();
});
