// Random sessions of stock JavaScript documents, for admission: node sessions.mjs FILE [CHANGES] [SEED].
//
// Each change goes into the file behind its length (4 bytes, the lowest first), and a length of 0 behind each document.
// server/core/tests/admission.rs reads it.

import { closeSync, openSync, writeSync } from "node:fs";
import * as A from "@automerge/automerge";
import { begin, random } from "./edits.mjs";

const [file, most = "20000", seed = "1"] = process.argv.slice(2);
if (!file) throw new Error("node sessions.mjs FILE [CHANGES] [SEED]");

const { below, pick, edit } = random(Number(seed));

const author = (name) => pick([{}, { author: name }]);

/** Up to four people's copies of one document, written and merged for a while. */
function session() {
  const first = A.from(begin(), author("aa"));
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
