// @vitest-environment jsdom
import * as A from "@automerge/automerge/slim";
import { pmDocFromSpans, pmNodeToSpans } from "@automerge/prosemirror";
import { amSpliceIdxToPmIdx, pmRangeToAmRange } from "@automerge/prosemirror/dist/traversal.js";
import { splitBlock } from "prosemirror-commands";
import type { Node, ResolvedPos } from "prosemirror-model";
import { TextSelection } from "prosemirror-state";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { BodyEditor } from "./bodyEditor";
import { setBlock, setLink, toggleEm, toggleList, toggleStrong, undo } from "./commands";
import { shownOf } from "./difference";
import { indexAt, length, placeAt } from "./offsets";
import { bodySchema } from "./schema";
import { block, TestHandle, words } from "./testDocument";

const spans = [
  block("heading", { level: 2 }),
  words("Snapshot"),
  block("paragraph"),
  block("paragraph"),
  words("Naïve 👩‍🚀 text."),
  block("unordered-list-item"),
  words("One"),
  block("unordered-list-item", {}, ["unordered-list-item"]),
  words("Two"),
  block("paragraph", {}, ["blockquote"]),
  words("Said"),
  block("code-block"),
  words("x = 1"),
];

const editors: BodyEditor[] = [];

function open(handle: TestHandle): BodyEditor {
  const mount = document.createElement("div");
  document.body.append(mount);
  const nothing = () => {};
  const options = {
    mount,
    handle,
    label: "Text",
    editable: true,
    onUpdate: nothing,
    onCaret: nothing,
    onLink: nothing,
  };
  const editor = new BodyEditor(options);
  editors.push(editor);
  return editor;
}

beforeEach(() => {
  Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
  Range.prototype.getBoundingClientRect = () => ({ top: 0, bottom: 0, left: 0, right: 0 }) as DOMRect;
});

afterEach(() => {
  for (const editor of editors.splice(0)) editor.destroy();
  vi.restoreAllMocks();
});

describe("places", () => {
  const handle = TestHandle.withBody(spans);
  const read = A.spans(handle.doc() as A.Doc<unknown>, ["body"]);
  const doc = pmDocFromSpans(bodySchema, read);

  test("are where the package says that they are", () => {
    doc.descendants((node, start) => {
      if (!node.isTextblock) return;
      for (let place = start + 1; place <= start + 1 + node.content.size; place += 1) {
        expect(indexAt(doc, place)).toBe(
          pmRangeToAmRange(bodySchema, read, { from: place, to: place })?.start,
        );
      }
    });
    for (let index = 1; index <= length(doc); index += 1) {
      expect(placeAt(doc, index), `index ${index}`).toBe(amSpliceIdxToPmIdx(bodySchema, read, index));
    }
  });

  test("are as many as the text is long", () => {
    expect(length(doc)).toBe((handle.doc() as { body: string }).body.length);
  });
});

test("typing takes the short way", () => {
  const annsCopy = TestHandle.withBody(spans);
  const bensCopy = annsCopy.fork();
  const ann = open(annsCopy);
  open(bensCopy);
  const change = vi.spyOn(annsCopy, "change");
  ann.view.dispatch(ann.view.state.tr.insertText("!", 9));
  ann.view.dispatch(ann.view.state.tr.delete(2, 4));
  bensCopy.receive(annsCopy);
  expect(change).toHaveBeenCalledTimes(2);
  // One change of one operation each: deleting is no comparison of the whole text.
  const changes = A.getAllChanges(annsCopy.doc() as A.Doc<unknown>)
    .slice(-2)
    .map((bytes) => A.decodeChange(bytes).ops.length);
  expect(changes).toEqual([1, 2]);
});

/** A small generator of numbers that look random, the same ones for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PIECES = ["a", "b ", "ß", "👍", "日本", "word", "é"];

/** A caret never stands in the middle of a letter that takes two units. */
function wholeLetter(doc: Node, place: number): ResolvedPos {
  const $place = doc.resolve(place);
  const after = $place.parent.isTextblock
    ? $place.parent.textBetween($place.parentOffset, $place.parent.content.size)
    : "";
  return /^[\uDC00-\uDFFF]/.test(after) ? doc.resolve(place + 1) : $place;
}

function editOnce(editor: BodyEditor, next: (below: number) => number): void {
  const { state } = editor.view;
  const from = TextSelection.near(wholeLetter(state.doc, next(state.doc.content.size + 1)));
  const to = TextSelection.near(
    wholeLetter(state.doc, Math.min(state.doc.content.size, from.head + next(6))),
  );
  editor.view.dispatch(state.tr.setSelection(TextSelection.between(from.$head, to.$head)));
  const commands = [
    toggleStrong,
    toggleEm,
    splitBlock,
    toggleList("bullet"),
    setBlock("heading1"),
    setBlock("paragraph"),
    undo,
    setLink("https://example.com"),
  ];
  const choice = next(24);
  const command = commands[choice];
  const transaction = editor.view.state.tr;
  if (command !== undefined) command(editor.view.state, editor.view.dispatch);
  else if (choice < 12) editor.view.dispatch(transaction.deleteSelection());
  else editor.view.dispatch(transaction.insertText(PIECES[next(PIECES.length)] ?? "a"));
}

function shown(editor: BodyEditor): string {
  return JSON.stringify(pmNodeToSpans(bodySchema, editor.view.state.doc));
}

function kept(handle: TestHandle): string {
  return JSON.stringify(pmNodeToSpans(bodySchema, shownOf(handle.doc() as A.Doc<unknown>)));
}

test.each(Array.from({ length: 25 }, (_, seed) => seed + 1))(
  "whatever two people do, editors show what the documents say (%i)",
  (seed) => {
    const next = numbers(seed);
    const error = vi.spyOn(console, "error").mockImplementation(() => {});
    const copies: [TestHandle, TestHandle] = [TestHandle.withBody(spans), TestHandle.withBody(spans)];
    copies[1] = copies[0].fork();
    const people = copies.map(open);
    for (let round = 0; round < 30; round += 1) {
      const who = next(2);
      const editor = people[who];
      if (editor === undefined) continue;
      editOnce(editor, next);
      expect(shown(editor), `round ${round}`).toBe(kept(copies[who as 0 | 1]));
      if (next(3) === 0) {
        copies[0].receive(copies[1]);
        copies[1].receive(copies[0]);
        expect(kept(copies[0])).toBe(kept(copies[1]));
        expect(people.map(shown)).toEqual(copies.map(kept));
      }
    }
    expect(error.mock.calls.map((call) => String(call[1]))).toEqual([]);
  },
);
