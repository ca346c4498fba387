import * as A from "@automerge/automerge/slim";
import { expect, test } from "vitest";
import { type FieldbookDocument, isFieldbookDocument, titleOf } from "./document";
import { kindOf, plainText, writeTitle } from "./words";

function plan(): A.Doc<FieldbookDocument> {
  return A.change(A.init<FieldbookDocument>(), (draft) => {
    Object.assign(draft, {
      kind: new A.ImmutableString("account_plan"),
      meta: { title: "Northwind" },
      body: "",
    });
    A.updateSpans(
      draft,
      ["body"],
      [
        block("heading", { level: 1 }),
        { type: "text", value: "Snapshot" },
        block("paragraph"),
        { type: "text", value: "One page." },
        block("unordered-list-item"),
        { type: "text", value: "Call Ann" },
      ],
    );
  });
}

function block(type: string, attrs: Record<string, number> = {}): A.Span {
  return { type: "block", value: { type: new A.ImmutableString(type), parents: [], attrs, isEmbed: false } };
}

test("knows its own kind of document", () => {
  expect(isFieldbookDocument(plan())).toBe(true);
  expect(isFieldbookDocument(A.from({ todos: [] }))).toBe(false);
  expect(kindOf(plan())).toBe("account_plan");
});

test("two people's titles merge", () => {
  const start = plan();
  const ann = A.change(A.clone(start), (draft) => writeTitle(draft, "The Northwind"));
  const ben = A.change(A.clone(start), (draft) => writeTitle(draft, "Northwind, 2027"));
  expect(titleOf(A.merge(ann, ben))).toBe("The Northwind, 2027");
});

test("a title stays one line", () => {
  expect(titleOf(A.change(plan(), (draft) => writeTitle(draft, "North\nwind")))).toBe("North wind");
});

test("all the words, for the clipboard", () => {
  expect(plainText(plan())).toBe("Northwind\n\nSnapshot\nOne page.\n- Call Ann\n");
});
