import { expect, test } from "../harness/test.ts";

test("what said Saved survives a killed server", async ({ world }) => {
  const ann = await world.person("Ann");
  const id = await ann.makesDocument("Northwind");
  await ann.types(" This was saved.");
  await ann.saved();
  await world.server.kill();
  // This one too, though it never said so: it waits on Ann's device.
  await ann.types(" And this was not.");
  await expect(ann.status).toHaveText(/Offline · \d+ changes wait on this device/);
  await world.server.restart();
  await ann.saved();

  const ben = await world.person("Ben");
  await ben.opens(id);
  await expect(ben.firstParagraph).toContainText("This was saved. And this was not.");
});

test("again and again while somebody types", async ({ world }) => {
  const ann = await world.person("Ann");
  const id = await ann.makesDocument("Northwind");
  let text = "";
  for (let round = 0; round < 3; round += 1) {
    const words = ` round ${round}`;
    text += words;
    await ann.types(words);
    await ann.saved();
    await world.server.kill();
    await world.server.restart();
  }
  // A device that has nothing of its own: it shows what the server has.
  await ann.saved();
  const ben = await world.person("Ben");
  await ben.opens(id);
  await expect(ben.firstParagraph).toContainText(text);
});
