// Random edits such as stock JavaScript clients make; the same for the same seed.

import * as A from "@automerge/automerge";

/** What a document begins with, for the edits below. */
export const begin = () => ({ map: {}, list: [], count: new A.Counter(0), text: "hello world" });

/** @param {number} seed */
export function random(seed) {
  let state = seed;
  /**
   * A whole number below `n`.
   * @param {number} n
   */
  function below(n) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  }

  /**
   * @template T
   * @param {T[]} values
   * @returns {T}
   */
  const pick = (values) => values[below(values.length)];

  const scalar = () =>
    pick([
      null,
      true,
      below(1e6),
      -below(1e6),
      below(1e6) / 7,
      "größe",
      new Date(1.7e12 + below(1e9)),
      new Uint8Array([1, 2, below(256)]),
      new A.Counter(below(10)),
      new A.Uint(below(99)),
      Number.MAX_SAFE_INTEGER,
    ]);

  const edits = [
    (doc) => {
      doc.map[`key ${below(5)}`] = scalar();
    },
    (doc) => {
      delete doc.map[`key ${below(5)}`];
    },
    (doc) => {
      doc.map[`key ${below(5)}`] = { inner: [1, { deep: "x" }], text: "text" };
    },
    (doc) => doc.list.splice(below(doc.list.length + 1), 0, scalar(), scalar()),
    (doc) => doc.list.splice(below(doc.list.length + 1), 1),
    (doc) => {
      if (doc.list.length > 0) doc.list[below(doc.list.length)] = scalar();
    },
    (doc) => doc.count.increment(below(9) - 4),
    (doc) => {
      const at = below(doc.text.length + 1);
      A.updateText(doc, ["text"], `${doc.text.slice(0, at)}neu 👍🏽 ${doc.text.slice(at)}`);
    },
    (doc) => A.splice(doc, ["text"], below(doc.text.length + 1), 0, "abc"),
    (doc) => {
      if (doc.text.length > 0) A.splice(doc, ["text"], below(doc.text.length), 1);
    },
    (doc) => {
      if (doc.text.length < 5) return;
      const range = { start: below(3), end: 3 + below(doc.text.length - 3) };
      const expand = pick(["both", "none", "before", "after"]);
      A.mark(
        doc,
        ["text"],
        { ...range, expand },
        pick(["strong", "em", "link"]),
        pick([true, "http://example.org"]),
      );
    },
    (doc) => {
      if (doc.text.length > 4) A.unmark(doc, ["text"], { start: below(2), end: 3, expand: "none" }, "strong");
    },
    (doc) => A.splitBlock(doc, ["text"], below(doc.text.length + 1), { type: "p", parents: [], attrs: {} }),
  ];

  /**
   * The document after one more change.
   * @template T
   * @param {A.Doc<T>} doc
   * @returns {A.Doc<T>}
   */
  function edit(doc) {
    const change = pick(edits);
    // What it gives back is no answer.
    const callback = (draft) => void change(draft);
    switch (below(10)) {
      case 0:
        return A.emptyChange(doc);
      case 1:
        return A.change(doc, { message: "said so", time: below(2e9) }, callback);
      default:
        return A.change(doc, callback);
    }
  }

  return { below, pick, edit };
}
