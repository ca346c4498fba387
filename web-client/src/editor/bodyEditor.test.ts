// @vitest-environment jsdom
import * as A from "@automerge/automerge/slim";
import type { Command } from "prosemirror-state";
import { TextSelection } from "prosemirror-state";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { BodyEditor } from "./bodyEditor";
import { NAME_SHOWS_MS } from "./caretNames";
import {
  indent,
  outdent,
  redo,
  setBlock,
  setLink,
  surroundings,
  toggleEm,
  toggleList,
  toggleStrong,
  undo,
} from "./commands";
import { block, TestHandle, words } from "./testDocument";

const editors: BodyEditor[] = [];

beforeAll(() => {
  // jsdom lays nothing out.
  const nowhere = () => ({ top: 0, bottom: 0, left: 0, right: 0, width: 0, height: 0 }) as DOMRect;
  Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
  Range.prototype.getBoundingClientRect = nowhere;
});

afterEach(() => {
  vi.useRealTimers();
  for (const editor of editors.splice(0)) editor.destroy();
});

function open(handle: TestHandle): BodyEditor {
  const mount = document.createElement("div");
  document.body.append(mount);
  const editor = new BodyEditor({
    mount,
    handle,
    label: "Text",
    editable: true,
    onUpdate: () => {},
    onCaret: () => {},
    onLink: () => {},
  });
  editors.push(editor);
  return editor;
}

/** Puts the caret after `text`, or selects it. */
function at(editor: BodyEditor, text: string, select = false): void {
  let found = -1;
  editor.view.state.doc.descendants((node, position) => {
    const index = node.isText ? (node.text ?? "").indexOf(text) : -1;
    if (index >= 0 && found < 0) found = position + index;
  });
  const { state } = editor.view;
  const selection = TextSelection.create(
    state.doc,
    select ? found : found + text.length,
    found + text.length,
  );
  editor.view.dispatch(state.tr.setSelection(selection));
}

function type(editor: BodyEditor, text: string): void {
  for (const letter of text) editor.view.dispatch(editor.view.state.tr.insertText(letter));
}

function html(editor: BodyEditor): string {
  return editor.view.dom.innerHTML
    .replaceAll(/ (data-level|rel|target)="[^"]*"/g, "")
    .replaceAll(/<br[^>]*>/g, "");
}

/** What somebody who opens the document afresh sees. */
function reopened(handle: TestHandle): string {
  return html(open(handle.fork()));
}

const plan = () =>
  TestHandle.withBody([
    block("heading", { level: 1 }),
    words("Snapshot"),
    block("paragraph"),
    words("One page."),
  ]);

describe("what is typed is in the document", () => {
  test("letters, in the middle and at the end", () => {
    const handle = plan();
    const editor = open(handle);
    at(editor, "One");
    type(editor, " short");
    at(editor, "page.");
    type(editor, " Really.");
    expect(html(editor)).toBe("<h2>Snapshot</h2><p>One short page. Really.</p>");
    expect(reopened(handle)).toBe(html(editor));
  });

  const commands: [string, Command, string][] = [
    ["heading", setBlock("heading2"), "<h2>Snapshot</h2><h3>One page.</h3>"],
    ["quote", setBlock("quote"), "<h2>Snapshot</h2><blockquote><p>One page.</p></blockquote>"],
    ["code", setBlock("code"), "<h2>Snapshot</h2><pre><code>One page.</code></pre>"],
    ["bullets", toggleList("bullet"), "<h2>Snapshot</h2><ul><li><p>One page.</p></li></ul>"],
    ["numbers", toggleList("ordered"), "<h2>Snapshot</h2><ol><li><p>One page.</p></li></ol>"],
    ["bold", toggleStrong, "<h2>Snapshot</h2><p>One <strong>page</strong>.</p>"],
    ["italic", toggleEm, "<h2>Snapshot</h2><p>One <em>page</em>.</p>"],
    [
      "link",
      setLink("https://example.com"),
      '<h2>Snapshot</h2><p>One <a href="https://example.com">page</a>.</p>',
    ],
  ];
  test.each(commands)("%s, and undone again", (_, command, expected) => {
    const handle = plan();
    const editor = open(handle);
    at(editor, "page", true);
    editor.run(command);
    expect(html(editor)).toBe(expected);
    expect(reopened(handle)).toBe(expected);
    editor.run(undo);
    expect(html(editor)).toBe("<h2>Snapshot</h2><p>One page.</p>");
    expect(reopened(handle)).toBe("<h2>Snapshot</h2><p>One page.</p>");
    editor.run(redo);
    expect(reopened(handle)).toBe(expected);
  });

  test("a list that grows, nests and ends", () => {
    const handle = plan();
    const editor = open(handle);
    at(editor, "page.");
    editor.run(toggleList("bullet"));
    press(editor, "Enter");
    type(editor, "Two");
    editor.run(indent);
    const nested = "<h2>Snapshot</h2><ul><li><p>One page.</p><ul><li><p>Two</p></li></ul></li></ul>";
    expect(html(editor)).toBe(nested);
    expect(reopened(handle)).toBe(nested);
    editor.run(outdent);
    editor.run(outdent);
    expect(reopened(handle)).toBe("<h2>Snapshot</h2><ul><li><p>One page.</p></li></ul><p>Two</p>");
    expect(html(editor)).toBe(reopened(handle));
  });
});

function press(editor: BodyEditor, key: string): void {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  editor.view.someProp("handleKeyDown", (handle) => handle(editor.view, event));
}

describe("two people", () => {
  test("type in one paragraph, and both have both", () => {
    const annsCopy = plan();
    const bensCopy = annsCopy.fork();
    const ann = open(annsCopy);
    const ben = open(bensCopy);
    at(ann, "One");
    type(ann, " small");
    at(ben, "page");
    type(ben, " only");
    annsCopy.receive(bensCopy);
    bensCopy.receive(annsCopy);
    expect(html(ann)).toBe("<h2>Snapshot</h2><p>One small page only.</p>");
    expect(html(ben)).toBe(html(ann));
  });

  test("undo takes back one's own words only", () => {
    const annsCopy = plan();
    const bensCopy = annsCopy.fork();
    const ann = open(annsCopy);
    const ben = open(bensCopy);
    at(ann, "One");
    type(ann, " small");
    at(ben, "page");
    type(ben, " only");
    annsCopy.receive(bensCopy);
    ann.run(undo);
    expect(html(ann)).toBe("<h2>Snapshot</h2><p>One page only.</p>");
    expect(reopened(annsCopy)).toBe(html(ann));
  });

  test("at one place, write one after the other and not letter by letter", () => {
    const annsCopy = plan();
    const bensCopy = annsCopy.fork();
    const ann = open(annsCopy);
    const ben = open(bensCopy);
    at(ann, "page.");
    at(ben, "page.");
    for (const [annsLetter, bensLetter] of ["Ab", "nE", "nN"]) {
      type(ann, annsLetter ?? "");
      type(ben, bensLetter ?? "");
      annsCopy.receive(bensCopy);
      bensCopy.receive(annsCopy);
    }
    expect(html(ann)).toMatch(/Ann/);
    expect(html(ann)).toMatch(/bEN/);
    expect(html(ben)).toBe(html(ann));
  });

  test("one makes a list of what the other is typing in", () => {
    const annsCopy = plan();
    const bensCopy = annsCopy.fork();
    const ann = open(annsCopy);
    const ben = open(bensCopy);
    at(ann, "page.");
    ann.run(toggleList("bullet"));
    at(ben, "page.");
    type(ben, " And more.");
    annsCopy.receive(bensCopy);
    bensCopy.receive(annsCopy);
    expect(html(ann)).toContain("<li><p>One page. And more.</p></li>");
    expect(html(ben)).toBe(html(ann));
  });
});

describe("carets", () => {
  test("stay beside their words while others type", () => {
    const annsCopy = plan();
    const bensCopy = annsCopy.fork();
    const ann = open(annsCopy);
    const ben = open(bensCopy);
    ben.focus();
    at(ben, "page", true);
    const caret = ben.caret();
    if (caret === null) throw new Error("Ben's caret is in the body.");
    at(ann, "One");
    type(ann, " small");
    ann.showCarets([{ key: "ben", name: "Ben", colour: 1, ...caret }]);
    const selected = ann.view.dom.querySelector("[data-person]:not([aria-hidden])");
    expect(selected?.textContent).toBe("page");
    expect(ann.view.dom.querySelector("[aria-hidden] [data-name]")?.getAttribute("data-name")).toBe("Ben");
    at(ann, "Snapshot");
    type(ann, "s");
    expect(ann.view.dom.querySelector("[data-person]:not([aria-hidden])")?.textContent).toBe("page");
    ann.showCarets([]);
    expect(ann.view.dom.querySelector("[data-person]")).toBeNull();
  });

  test("say whose they are for a moment after they move, or after their owner types", () => {
    vi.useFakeTimers();
    const annsCopy = plan();
    const bensCopy = annsCopy.fork();
    const ann = open(annsCopy);
    const ben = open(bensCopy);
    const named = () => ann.view.dom.querySelector("[data-moved]") !== null;
    const tell = () => {
      const caret = ben.caret();
      if (caret === null) throw new Error("Ben's caret is in the body.");
      ann.showCarets([{ key: "ben", name: "Ben", colour: 1, ...caret }]);
    };
    ben.focus();
    at(ben, "One");
    tell();
    expect(named()).toBe(true);
    vi.advanceTimersByTime(NAME_SHOWS_MS);
    expect(named()).toBe(false);

    tell();
    expect(named(), "told again, from the same place").toBe(false);
    at(ann, "page");
    type(ann, "s");
    expect(named(), "Ann types").toBe(false);
    type(ben, " big");
    annsCopy.receive(bensCopy);
    expect(named(), "Ben types").toBe(true);
    vi.advanceTimersByTime(NAME_SHOWS_MS);
    expect(named()).toBe(false);
    at(ben, "Snap");
    tell();
    expect(named(), "Ben goes elsewhere").toBe(true);
    expect(ann.view.dom.textContent, "a name is no part of the text").not.toContain("Ben");
  });

  test("at something that this device does not have yet are left out", () => {
    const ann = open(plan());
    ann.showCarets([{ key: "ben", name: "Ben", colour: 1, anchor: "99@abcdef", head: "99@abcdef" }]);
    expect(ann.view.dom.querySelector("[data-person]")).toBeNull();
  });
});

describe("trouble", () => {
  test("a translation that fails costs nobody a word", () => {
    const handle = plan();
    const editor = open(handle);
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const splice = vi.spyOn(handle, "change").mockImplementationOnce(() => {
      throw new Error("Could not find range");
    });
    at(editor, "page.");
    type(editor, "!");
    type(editor, "?");
    expect(splice).toHaveBeenCalled();
    expect(error).toHaveBeenCalled();
    expect(html(editor)).toBe("<h2>Snapshot</h2><p>One page.!?</p>");
    expect(reopened(handle)).toBe(html(editor));
    error.mockRestore();
  });

  test("hostile blocks and links are shown harmlessly", () => {
    const handle = TestHandle.withBody([
      block("heading", { level: 99 }),
      words("Deep"),
      block("of another program"),
      words("Here"),
    ]);
    handle.change((draft) =>
      A.mark(
        draft as A.Doc<unknown>,
        ["body"],
        { start: 1, end: 3, expand: "none" },
        "link",
        '{"href":"javascript:alert(1)"}',
      ),
    );
    const editor = open(handle);
    expect(editor.view.dom.querySelector("h6")?.textContent).toBe("Deep");
    expect(editor.view.dom.innerHTML).not.toContain("javascript:");
    expect(editor.view.dom.textContent).toContain("Here");
  });
});

test("the toolbar knows where the caret is", () => {
  const editor = open(plan());
  at(editor, "Snap");
  expect(surroundings(editor.view.state)).toMatchObject({
    block: "heading1",
    list: null,
    strong: false,
    canUndo: false,
  });
});
