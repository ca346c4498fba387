import * as A from "@automerge/automerge/slim";
import { expect, test } from "vitest";
import { sameHeads, unacknowledgedChanges } from "./saved";

type Text = {
  text: string;
};

function type(document: A.Doc<Text>, letters: string): A.Doc<Text> {
  return Array.from(letters).reduce(
    (doc, letter) => A.change(doc, (draft) => A.splice(draft, ["text"], draft.text.length, 0, letter)),
    document,
  );
}

test("counts the changes after the acknowledged heads", () => {
  const saved = A.from<Text>({ text: "" });
  const document = type(saved, "abc");
  expect(unacknowledgedChanges(document, A.getHeads(saved))).toBe(3);
  expect(unacknowledgedChanges(document, A.getHeads(document))).toBe(0);
  expect(unacknowledgedChanges(document, [])).toBe(4);
});

test("does not count what others wrote and the server has", () => {
  const start = A.from<Text>({ text: "" });
  const theirs = type(A.clone(start), "xy");
  const ours = type(start, "ab");
  const merged = A.merge(A.clone(ours), theirs);
  expect(unacknowledgedChanges(merged, A.getHeads(theirs))).toBe(2);
  expect(unacknowledgedChanges(merged, [...A.getHeads(theirs), ...A.getHeads(ours)])).toBe(0);
});

test("heads that this device does not know yet acknowledge nothing of its own", () => {
  const start = A.from<Text>({ text: "" });
  const ahead = type(A.clone(start), "x");
  const document = type(start, "ab");
  expect(unacknowledgedChanges(document, A.getHeads(ahead))).toBe(3);
  expect(unacknowledgedChanges(document, [...A.getHeads(ahead), ...A.getHeads(document)])).toBe(0);
});

test("heads are a set", () => {
  expect(sameHeads(["a", "b"], ["b", "a"])).toBe(true);
  expect(sameHeads(["a"], ["a", "b"])).toBe(false);
});
