import { expect, PASSWORD, test } from "../harness/test.ts";

test("the first account, an invitation, out and in again", async ({ world }) => {
  const ann = await world.stranger("Ann");
  await ann.page.goto(await world.server.setupLink());
  await ann.page.getByLabel("Workspace name").fill("Meridian Sales West");
  await ann.page.getByLabel("Your name").fill("Ann Okafor");
  await ann.page.getByLabel("Password").fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Create workspace" }).click();
  await expect(ann.page.getByRole("heading", { name: "Documents" })).toBeVisible();

  await ann.page.getByRole("button", { name: "Make the first document" }).click();
  await ann.page.getByText("Meeting agenda", { exact: true }).click();
  await ann.page.getByLabel("Title").fill("Weekly");
  await ann.page.getByRole("button", { name: "Create" }).click();
  await expect(ann.title).toHaveValue("Weekly");
  await ann.page.getByRole("button", { name: "All documents" }).click();

  await ann.page.getByRole("button", { name: "Account of Ann Okafor" }).click();
  await ann.page.getByRole("menuitem", { name: "Invite somebody" }).click();
  await ann.page.getByText("Guest", { exact: true }).click();
  await ann.page.getByRole("button", { name: "Make a link" }).click();
  const link = await ann.page.getByLabel("Invitation link").inputValue();
  await ann.page.keyboard.press("Escape");

  const vic = await world.stranger("Vic");
  await vic.page.goto(link);
  await expect(vic.page.getByText("You are invited to Meridian Sales West.")).toBeVisible();
  await vic.page.getByLabel("Your name").fill("Vic");
  await vic.page.getByLabel("Password").fill(PASSWORD);
  await vic.page.getByRole("button", { name: "Join" }).click();
  await expect(vic.page.getByText("They appear here when somebody shares one with you.")).toBeVisible();
  await expect(vic.page.getByRole("link", { name: "Weekly" })).toBeHidden();

  await vic.page.goto(link);
  await expect(vic.page.getByRole("heading", { name: "This link doesn’t work any more" })).toBeVisible();

  await ann.saved();
  await ann.page.getByRole("button", { name: "Account of Ann Okafor" }).click();
  await ann.page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(ann.page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  const left = await ann.page.evaluate(() => Object.keys(localStorage));
  expect(left).toEqual(["fieldbook.asked-to-persist"]);

  await ann.page.getByLabel("Name").fill("Ann Okafor");
  await ann.page.getByLabel("Password").fill("not the password");
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await expect(ann.page.getByRole("alert")).toHaveText("Name or password is wrong.");
  await ann.page.getByLabel("Password").fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await expect(ann.page.getByRole("link", { name: "Weekly" })).toBeVisible();
});

test("a session that ends asks to sign in again and keeps the work", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.saved();
  await ann.context.setOffline(true);
  await expect(ann.status).toHaveText("Status: Offline");
  await ann.types(" Kept.");
  await expect(ann.status).toHaveText("Status: Offline · 6 changes wait on this device");
  await ann.context.clearCookies();
  await ann.context.setOffline(false);
  await expect(ann.page.getByText("Your work is still on this device.")).toBeVisible();
  await ann.page.getByLabel("Password").fill(PASSWORD);
  await ann.page.getByRole("button", { name: "Sign in" }).click();
  await expect(ann.firstParagraph).toContainText("Kept.");
  await ann.saved();
});

test("signing out with unsent work asks first", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.saved();
  await world.server.kill();
  await ann.types(" Unsent.");
  await ann.page.getByRole("button", { name: "All documents" }).click();
  await ann.page.getByRole("button", { name: "Account of Ann" }).click();
  await ann.page.getByRole("menuitem", { name: "Sign out" }).click();
  const dialog = ann.page.getByRole("dialog", { name: "Not everything is sent yet" });
  await expect(dialog).toContainText("8 changes wait on this device");
  await dialog.getByRole("button", { name: "Stay signed in" }).click();
  await expect(ann.page.getByRole("link", { name: "Northwind" })).toBeVisible();
});

test("another person on the same device sees and sends nothing of the first one's", async ({ world }) => {
  const ann = await world.person("Ann");
  await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ann.saved();
  await ann.context.setOffline(true);
  await ann.types(" Ann’s alone.");
  await expect(ann.status).toHaveText(/Offline · /);
  // Meanwhile somebody else signs in with this browser.
  const { url } = world.server;
  await ann.context.request.post(`${url}/api/session`, {
    data: { name: "Ben", password: PASSWORD },
    headers: { origin: url },
    failOnStatusCode: true,
  });
  await ann.context.setOffline(false);
  await expect(ann.page.getByText("Ann’s alone.")).toBeHidden();
  await expect(ann.body).toBeVisible();
  await ann.saved();
  await expect(ann.body).not.toContainText("Ann’s alone.");
  expect(ann.page.url()).toContain(id);
});

test("whoever forgot their password gets a link, and is in again with another", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  for (const { page } of [ann, ben]) await page.goto(world.server.url);
  await expect(ben.page.getByRole("heading", { name: "Documents" })).toBeVisible();

  await ann.page.getByRole("button", { name: "Account of Ann" }).click();
  await ann.page.getByRole("menuitem", { name: "People" }).click();
  const people = ann.page.getByRole("dialog", { name: /^People in / });
  await expect(people.getByText("Ann (you)")).toBeVisible();
  await people.getByRole("button", { name: "A new password for Ben" }).click();
  await ann.page.getByRole("button", { name: "Make a link" }).click();
  const link = await ann.page.getByLabel("Link for a new password").inputValue();

  const phone = await world.stranger("Ben's phone");
  await phone.page.goto(link);
  await expect(phone.page.getByText("For Ben. It signs you out everywhere else.")).toBeVisible();
  await phone.page.getByLabel("New password").fill("passwordpassword");
  await phone.page.getByRole("button", { name: "Save and sign in" }).click();
  await expect(phone.page.getByRole("alert")).toBeVisible();
  await phone.page.getByLabel("New password").fill("quite another battery");
  await phone.page.getByRole("button", { name: "Save and sign in" }).click();
  await expect(phone.page.getByRole("button", { name: "Account of Ben" })).toBeVisible();
  await expect(ben.page.getByRole("heading", { name: "Sign in again" })).toBeVisible();

  const again = await world.stranger("Ben's tablet");
  await again.page.goto(link);
  await expect(again.page.getByRole("heading", { name: "This link doesn’t work any more" })).toBeVisible();
});

test("an owner looks after the people of the workspace", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  for (const { page } of [ann, ben]) await page.goto(world.server.url);
  await ann.page.getByRole("button", { name: "Account of Ann" }).click();
  await ann.page.getByRole("menuitem", { name: "People" }).click();
  await ann.page.getByLabel("What Ben is").selectOption("Admin");
  await ben.page.reload();
  await ben.page.getByRole("button", { name: "Account of Ben" }).click();
  await ben.page.getByRole("menuitem", { name: "People" }).click();
  const seenByBen = ben.page.getByRole("dialog", { name: /^People in / });
  await expect(seenByBen.getByText("Owner")).toBeVisible();
  await expect(seenByBen.getByRole("button", { name: "Remove Ann" })).toBeHidden();

  await ann.page.getByRole("button", { name: "Remove Ben" }).click();
  const question = ann.page.getByRole("dialog", { name: "Remove Ben?" });
  await question.getByRole("button", { name: "Remove" }).click();
  await expect(ann.page.getByText("Ann (you)")).toBeVisible();
  await expect(ann.page.getByLabel("What Ben is")).toBeHidden();
});

test("an invitation that nobody used is withdrawn", async ({ world }) => {
  const ann = await world.person("Ann");
  const link = await ann.invites("viewer");
  await ann.page.goto(world.server.url);
  await ann.page.getByRole("button", { name: "Account of Ann" }).click();
  await ann.page.getByRole("menuitem", { name: "People" }).click();
  const open = ann.page.getByRole("region", { name: "Invited, not here yet" });
  await expect(open.getByText("Guest")).toBeVisible();
  await open.getByRole("button", { name: "Withdraw" }).click();
  await expect(open).toBeHidden();
  const vic = await world.stranger("Vic");
  await vic.page.goto(link);
  await expect(vic.page.getByRole("heading", { name: "This link doesn’t work any more" })).toBeVisible();
});

test("who left a browser signed in signs it out from here, and changes the password", async ({ world }) => {
  const ann = await world.person("Ann");
  const cafe = await world.stranger("Ann in a café");
  for (const { page } of [ann, cafe]) await page.goto(world.server.url);
  await cafe.page.getByLabel("Name").fill("Ann");
  await cafe.page.getByLabel("Password").fill(PASSWORD);
  await cafe.page.getByRole("button", { name: "Sign in" }).click();
  await expect(cafe.page.getByRole("heading", { name: "Documents" })).toBeVisible();

  await ann.page.getByRole("button", { name: "Account of Ann" }).click();
  await ann.page.getByRole("menuitem", { name: "Devices and password" }).click();
  const account = ann.page.getByRole("dialog", { name: "Ann" });
  await expect(account.getByText("This browser")).toBeVisible();
  await account.getByRole("button", { name: "Sign out Chrome on Linux" }).first().click();
  await expect(cafe.page.getByRole("heading", { name: "Sign in again" })).toBeVisible();

  await account.getByLabel("Password of today").fill("not my password");
  await account.getByLabel("New password").fill("quite another battery");
  await account.getByRole("button", { name: "Change password" }).click();
  await expect(account.getByRole("alert")).toHaveText("The old password is wrong.");
  await account.getByLabel("Password of today").fill(PASSWORD);
  await account.getByRole("button", { name: "Change password" }).click();
  await expect(account.getByText("Changed. You are signed out everywhere else.")).toBeVisible();
  await cafe.page.getByLabel("Password").fill("quite another battery");
  await cafe.page.getByRole("button", { name: "Sign in" }).click();
  await expect(cafe.page.getByRole("heading", { name: "Documents" })).toBeVisible();
});
