import { expect, type Person, test } from "../harness/test.ts";

/** The dialog of the Share button, opened. */
async function shares(person: Person) {
  await person.page.getByRole("button", { name: "Share" }).click();
  const dialog = person.page.getByRole("dialog", { name: "Share" });
  await expect(dialog.getByRole("heading", { name: "Named here" })).toBeVisible();
  return dialog;
}

test("a document is made private, shared by name, and taken back", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Renewal");
  await ben.page.goto(world.server.url);
  await expect(ben.page.getByRole("link", { name: "Renewal" })).toBeVisible();

  const dialog = await shares(ann);
  await expect(dialog.getByText(/^Everyone in Meridian Sales West can edit\. You own it\.$/)).toBeVisible();
  await dialog.getByRole("radio", { name: /Only people named here/ }).check();
  await expect(dialog.getByText("Only those named here can see it. You own it.")).toBeVisible();
  await ben.page.reload();
  await expect(ben.page.getByRole("heading", { name: "Documents" })).toBeVisible();
  await expect(ben.page.getByRole("link", { name: "Renewal" })).toBeHidden();

  await dialog.getByRole("combobox", { name: "Add a person or group" }).fill("be");
  await dialog.getByRole("option", { name: "Ben" }).click();
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog.getByRole("status")).toHaveText("Ben is a viewer now.");
  await ben.opens(id);
  await expect(ben.status).toHaveText("Status: Read only");
  await expect(ben.page.getByRole("toolbar")).toBeHidden();

  await dialog.getByRole("combobox", { name: "Role of Ben" }).selectOption("Editor");
  await expect(dialog.getByText(/Ben can edit\.$/)).toBeVisible();
  await ben.types("Ben was here. ");
  await ben.saved();
  await expect(ann.body).toContainText("Ben was here.");

  await dialog.getByRole("button", { name: "Remove Ben" }).click();
  await expect(dialog.getByRole("status")).toHaveText("Ben is not named here any more.");
  await expect(dialog.getByRole("heading", { name: "Named here" })).toBeFocused();
  await expect(ben.status).toHaveText(/^Status: Your access has ended/);
  await ben.page.getByRole("button", { name: "All documents" }).click();
  await expect(ben.page.getByRole("heading", { name: "Documents" })).toBeVisible();
  await expect(ben.page.getByRole("link", { name: "Renewal" })).toBeHidden();
});

test("who may not change it sees who can see it, and whom to ask", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  await ben.opens(await ann.makesDocument("Renewal"));
  const dialog = await shares(ben);
  await expect(dialog.getByText("Everyone in Meridian Sales West can edit. Ann owns it.")).toBeVisible();
  await expect(dialog.getByText(/^Only owners can change this\. Ask Ann or the admins/)).toBeVisible();
  await expect(dialog.getByRole("listitem")).toHaveText([/Ann.*Owner/]);
  await expect(dialog.getByRole("combobox")).toHaveCount(0);
  await expect(dialog.getByRole("radio")).toHaveCount(0);
});

test("a group is named like a person, and its members have what it has", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const { url } = world.server;
  const me = await (await ben.context.request.get(`${url}/api/session`)).json();
  const groups = `${url}/api/workspaces/${me.workspace.id}/groups`;
  const options = { headers: { origin: url }, failOnStatusCode: true };
  const made = await ann.context.request.post(groups, { ...options, data: { name: "Field sales" } });
  const group = await made.json();
  await ann.context.request.put(`${groups}/${group.id}/members/${me.user.id}`, options);
  const id = await ann.makesDocument("Renewal");

  const dialog = await shares(ann);
  await dialog.getByRole("radio", { name: /Only people named here/ }).check();
  await dialog.getByRole("combobox", { name: "Add a person or group" }).fill("field");
  await dialog.getByRole("option", { name: "Field sales Group of 1" }).click();
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog.getByText(/The group Field sales can view\.$/)).toBeVisible();
  await ben.opens(id);
  await expect(ben.status).toHaveText("Status: Read only");
  await dialog.getByRole("combobox", { name: "Role of Field sales" }).selectOption("Editor");
  await ben.types("By way of the group. ");
  await ben.saved();
  await dialog.getByRole("button", { name: "Remove Field sales" }).click();
  await expect(ben.status).toHaveText(/^Status: Your access has ended/);
});

test("a guest who owns a document shares it with those who are named", async ({ world }) => {
  const ann = await world.person("Ann");
  const guest = await world.person("Gus", undefined, "viewer");
  const id = await ann.makesDocument("Renewal");
  const dialog = await shares(ann);
  await dialog.getByRole("combobox", { name: "Add a person or group" }).fill("Gus");
  await dialog.getByRole("combobox", { name: "Role to give" }).selectOption("Owner");
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog.getByText(/You own it\. Also Gus \(guest\) owns it\.$/)).toBeVisible();
  await guest.opens(id);
  const theirs = await shares(guest);
  await expect(theirs.getByText(/^Guests do not see who is in Meridian Sales West/)).toBeVisible();
  await theirs.getByRole("combobox", { name: "Role of Ann" }).selectOption("Viewer");
  await expect(theirs.getByRole("status")).toHaveText("Ann is a viewer now.");
  await expect(dialog.getByText(/^Only owners can change this\. Ask Gus or the admins/)).toBeVisible();
});

test("sharing needs no pointer, and says what went wrong where it did", async ({ world }) => {
  const ann = await world.person("Ann");
  await world.person("Ben");
  await ann.makesDocument("Renewal");
  const { page } = ann;
  await page.getByRole("button", { name: "Share" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Share" });
  const field = dialog.getByRole("combobox", { name: "Add a person or group" });
  await field.focus();
  await page.keyboard.type("Nobody");
  await page.keyboard.press("Enter");
  await expect(field).toHaveAccessibleDescription(/^Nobody in Meridian Sales West is called “Nobody”\./);
  await expect(field).toHaveValue("Nobody");

  await field.fill("");
  await page.keyboard.type("b");
  await expect(dialog.getByRole("option", { name: "Ben" })).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Escape");
  await expect(dialog.getByRole("listbox", { name: "Names" })).toBeHidden();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(field).toHaveValue("Ben");

  await world.server.kill();
  await page.keyboard.press("Enter");
  await expect(
    dialog.getByRole("alert").filter({ hasText: "The server can’t be reached." }).first(),
  ).toBeVisible();
  await expect(field).toHaveValue("Ben");
  await world.server.restart();
  await field.focus();
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("status")).toHaveText("Ben is a viewer now.");
  await expect(field).toBeFocused();

  const ben = dialog.getByRole("listitem").filter({ hasText: "Ben" });
  await expect(ben.getByRole("combobox")).toHaveValue("viewer");
  await world.server.kill();
  await ben.getByRole("combobox").selectOption("Editor");
  await expect(ben.getByRole("alert")).toHaveText(/^The server can’t be reached\./);
  await expect(ben.getByRole("combobox"), "as the server has it").toHaveValue("viewer");
  await world.server.restart();
  await ben.getByRole("combobox").selectOption("Editor");
  await expect(dialog.getByRole("status")).toHaveText("Ben is an editor now.");
  await expect(dialog.getByRole("alert")).toHaveCount(0);

  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  await expect(page.getByRole("button", { name: "Share" })).toBeFocused();
});

test("an owner is asked before they shut themselves out", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ben.makesDocument("Renewal");
  await ann.opens(id);
  // Ann owns the workspace, and nothing by name.
  const dialog = await shares(ann);
  await dialog.getByRole("radio", { name: /Only people named here/ }).click();
  await expect(dialog.getByText("You would not see this document any more.")).toBeVisible();
  await dialog.getByRole("button", { name: "Leave it as it is" }).click();
  await expect(dialog.getByRole("radio", { name: /Only people named here/ })).toBeFocused();
  await expect(dialog.getByRole("radio", { name: /^Everyone/ })).toBeChecked();
  await expect(dialog.getByText(/^Everyone in Meridian Sales West can edit\./)).toBeVisible();
});
