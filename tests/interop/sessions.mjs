// Random sessions of stock JavaScript documents, for admission: node sessions.mjs FILE [CHANGES] [SEED].
//
// Each change goes into the file behind its length (4 bytes, the lowest first), and a length of 0 behind each document.
// server/core/tests/admission.rs reads it.

import { closeSync, openSync, writeSync } from "node:fs";
import * as A from "@automerge/automerge";

const [file, most = "20000", seed = "1"] = process.argv.slice(2);
if (!file) throw new Error("node sessions.mjs FILE [CHANGES] [SEED]");

let state = Number(seed);
/** A whole number below `n`; the same for the same seed. */
function below(n) {
  state = (Math.imul(state, 1103515245) + 12345) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

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

const author = (name) => pick([{}, { author: name }]);

/** Up to four people's copies of one document, written and merged for a while. */
function session() {
  const first = A.from({ map: {}, list: [], count: new A.Counter(0), text: "hello world" }, author("aa"));
  const copies = [first];
  for (let more = 1 + below(3); more > 0; more -= 1) copies.push(A.clone(first, author(`b${more}`)));
  for (let step = 0; step < 300; step += 1) {
    const [at, from] = [below(copies.length), below(copies.length)];
    copies[at] = edit(copies[at]);
    if (below(6) === 0 && from !== at) copies[at] = A.merge(copies[at], copies[from]);
  }
  return A.getAllChanges(copies.reduce((all, copy) => A.merge(all, copy)));
}

const out = openSync(file, "w");
function write(bytes) {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  writeSync(out, Buffer.concat([length, bytes]));
}
let made = 0;
while (made < Number(most)) {
  const changes = session();
  changes.forEach(write);
  write(new Uint8Array());
  made += changes.length;
}
closeSync(out);
process.stdout.write(`${made} changes\n`);
