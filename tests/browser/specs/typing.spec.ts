import { expect, test } from "../harness/test.ts";

test("an input method is not disturbed by what others type in the same paragraph", async ({ world }) => {
  const ann = await world.person("Ann");
  const ben = await world.person("Ben");
  const id = await ann.makesDocument("Northwind");
  await ben.opens(id);
  await ann.toEndOfFirstParagraph();
  const keyboard = await ann.context.newCDPSession(ann.page);
  const compose = (text: string) =>
    keyboard.send("Input.imeSetComposition", {
      text,
      selectionStart: text.length,
      selectionEnd: text.length,
    });
  await compose("に");
  await compose("にほ");
  await ben.body
    .locator("p")
    .first()
    .click({ position: { x: 2, y: 8 } });
  await ben.page.keyboard.press("Home");
  await ben.page.keyboard.type("Before. ");
  await expect(ann.firstParagraph).toContainText("Before.");
  await compose("にほん");
  await keyboard.send("Input.insertText", { text: "日本" });
  await expect.poll(() => ben.words()).toMatch(/^Before\. .*日本$/);
  expect(await ann.words()).toBe(await ben.words());
});

test("in a long document every keystroke counts", async ({ world }) => {
  test.setTimeout(120_000);
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.toEndOfFirstParagraph();
  // Some twenty pages, pasted.
  await ann.body.evaluate((body) => {
    const paragraph =
      "They renew in March, and want one contract for all of their sites in the north. ".repeat(4);
    const data = new DataTransfer();
    data.setData("text/html", `<p>${Array.from({ length: 160 }, () => paragraph).join("</p><p>")}</p>`);
    body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  });
  await ann.saved();
  await ann.toEndOfFirstParagraph();
  const times = await ann.body.evaluate(async (body) => {
    const taken: number[] = [];
    for (let index = 0; index < 40; index += 1) {
      const before = performance.now();
      document.execCommand("insertText", false, "x");
      // The editor reads what the browser did in a microtask of its own.
      await new Promise((resolve) => setTimeout(resolve));
      void body.getBoundingClientRect();
      taken.push(performance.now() - before);
    }
    return taken.sort((a, b) => a - b);
  });
  const [median, slow] = [times[20] ?? 0, times[37] ?? 0];
  process.stdout.write(
    `A keystroke among 50,000 characters: median ${median.toFixed(1)} ms, 95 % within ${slow.toFixed(1)} ms\n`,
  );
  await expect.poll(() => ann.words()).toContain("x".repeat(40));
  await ann.saved();
});
