import { expect, test } from "../harness/test.ts";

test("who is removed while they type is told, and keeps their words", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Weekly");
  await ben.opens(id);
  await ben.types("Written in time. ");
  await ben.saved();

  const { url } = world.server;
  const me = await (await ben.context.request.get(`${url}/api/session`)).json();
  const member = `${url}/api/workspaces/${me.workspace.id}/members/${me.user.id}`;
  const removed = await ann.context.request.delete(member, { headers: { origin: url } });
  expect(removed.status()).toBe(204);

  await expect(ben.status).toHaveText(/^Status: Your access has ended/);
  await expect(ben.page.getByRole("toolbar")).toBeHidden();
  expect(await ben.words()).toContain("Written in time.");
  await ben.page.keyboard.type("unheard");
  expect(await ben.words()).not.toContain("unheard");
  await ben.page.reload();
  await expect(ben.status).not.toHaveText("Status: Saved");
});

test("who may only read from now on sees it at once", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Weekly");
  await ben.opens(id);
  await ben.types("Mine.");
  await ben.saved();

  const { url } = world.server;
  const me = await (await ben.context.request.get(`${url}/api/session`)).json();
  const grant = `${url}/api/documents/${id}/access/people/${me.user.id}`;
  const data = { role: "viewer" };
  expect((await ann.context.request.put(grant, { data, headers: { origin: url } })).status()).toBe(204);
  await expect(ben.status).toHaveText("Status: Read only");
  await expect(ben.page.getByRole("toolbar")).toBeHidden();

  data.role = "editor";
  expect((await ann.context.request.put(grant, { data, headers: { origin: url } })).status()).toBe(204);
  await ben.types(" And again.");
  await ben.saved();
});
