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

test("a shortcut that follows a selection at once is about that selection", async ({ world }) => {
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.types(" Call them");
  // In one task, as on a device that is busy when both keys are pressed: the browser has not told the editor of the selection yet.
  await ann.body.evaluate((body) => {
    const text = body.querySelector("p")?.lastChild;
    if (!(text instanceof Text)) throw new Error("The paragraph ends with its text.");
    getSelection()?.setBaseAndExtent(text, text.length - 4, text, text.length);
    const bold = { key: "b", code: "KeyB", keyCode: 66, ctrlKey: true, bubbles: true, cancelable: true };
    body.dispatchEvent(new KeyboardEvent("keydown", bold));
  });
  await expect(ann.body.locator("strong")).toHaveText("them");
  await ann.saved();
});

test("what is pasted runs nothing, fetches nothing and is not complained of", async ({ world }) => {
  const ann = await world.person("Ann");
  const fetched: string[] = [];
  ann.page.on("request", (request) => {
    if (request.url().includes("elsewhere")) fetched.push(request.url());
  });
  await ann.makesDocument("Northwind");
  await ann.toEndOfFirstParagraph();
  await ann.pastes(
    `<style>p { background: url(https://elsewhere.invalid/a.png) }</style>
     <p style="background: url(https://elsewhere.invalid/b.png)">They said <b onclick="alert(1)">yes</b>.</p>
     <img src="https://elsewhere.invalid/c.png" onerror="alert(1)"><svg onload="alert(1)"></svg>
     <video src="https://elsewhere.invalid/d.mp4" autoplay onplay=alert(1)></video>
     <iframe src="https://elsewhere.invalid/e"></iframe><script>alert(1)</script><p>Done.</p>`,
  );
  await expect(ann.body).toContainText("They said yes.");
  await expect(ann.body.locator("strong")).toHaveText("yes");
  await expect(ann.body).toContainText("Done.");
  await ann.saved();
  expect(fetched).toEqual([]);
  expect(ann.complaints).toEqual([]);
});

test("in a long document every keystroke counts", async ({ world }) => {
  test.setTimeout(120_000);
  const ann = await world.person("Ann");
  await ann.makesDocument("Northwind");
  await ann.toEndOfFirstParagraph();
  // Some twenty pages, pasted.
  const paragraph = "They renew in March, and want one contract for all of their sites in the north. ".repeat(
    4,
  );
  await ann.pastes(`<p>${Array.from({ length: 160 }, () => paragraph).join("</p><p>")}</p>`);
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
