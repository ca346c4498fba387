import * as A from "@automerge/automerge/slim";
import { Fragment, type Node, Slice } from "prosemirror-model";
import type { EditorState, Transaction } from "prosemirror-state";
import { ReplaceStep } from "prosemirror-transform";
import { BODY_PATH } from "~/model/document";
import { indexAt, length, placeAt } from "./offsets";
import { bodySchema } from "./schema";

/*
 * The short way for what happens all the time: letters put in, or taken out, within one paragraph. The package's own translation reads
 * the whole text several times for each keystroke, which in a long document takes longer than the next keystroke.
 * Whatever is not plainly such a case, or does not add up, goes the package's way.
 */

/** One edit of the Automerge text. */
export interface TextEdit {
  index: number;
  remove: number;
  insert: string;
  marks: Record<string, A.MarkValue>;
}

/** What our own transaction does to the Automerge text, if it only types. Null: more than typing. */
export function typedEdit(transactions: readonly Transaction[], body: string): TextEdit | null {
  const [transaction, ...others] = transactions;
  const doc = transaction?.docs[0];
  const step = transaction?.steps[0];
  if (doc === undefined || others.length > 0 || transaction?.steps.length !== 1) return null;
  return step instanceof ReplaceStep && length(doc) === body.length ? editOf(doc, step) : null;
}

/** Writes an edit into a document that is being changed. */
export function writeEdit(document: A.Doc<unknown>, { index, remove, insert }: TextEdit): void {
  A.splice(document, BODY_PATH, index, remove, insert);
}

/**
 * Letters take on the marks of those around them; ours shall have just the marks that they were typed with. Given the patches of the
 * edit, returns what else has to be written for that; null, as mostly, if nothing.
 */
export function corrected(edit: TextEdit, patches: A.Patch[]): ((document: A.Doc<unknown>) => void) | null {
  // Not `A.marksAt`: it counts an emoji as one letter, where everything else counts two.
  const given = patches.filter(
    (patch) => patch.action === "splice" && patch.path[0] === BODY_PATH[0],
  ) as A.SpliceTextPatch[];
  const wrong = given.flatMap((patch) => {
    const start = Number(patch.path[1]);
    return corrections(patch.marks ?? {}, edit.marks).map((write) => ({
      write,
      start,
      end: start + patch.value.length,
    }));
  });
  if (wrong.length === 0) return null;
  return (document) => {
    for (const { write, start, end } of wrong) write(document, start, end);
  };
}

/** A transaction that shows what others typed. Null: they did more than that. */
export function typedByOthers(patches: A.Patch[], state: EditorState, body: string): Transaction | null {
  const transaction = state.tr.setMeta("addToHistory", false);
  for (const patch of patches) {
    if (patch.path[0] !== BODY_PATH[0]) continue;
    const step = stepOf(patch, transaction.doc);
    if (step === null || transaction.maybeStep(step).failed !== null) return null;
  }
  return length(transaction.doc) === body.length ? transaction : null;
}

function editOf(doc: Node, step: ReplaceStep): TextEdit | null {
  const { from, to, slice } = step;
  const text = slice.content.firstChild;
  if (slice.openStart !== 0 || slice.openEnd !== 0 || slice.content.childCount > 1) return null;
  if ((text !== null && !text.isText) || !isPlainText(doc, from, to)) return null;
  return {
    index: indexAt(doc, from),
    remove: to - from,
    insert: text?.text ?? "",
    marks: Object.fromEntries((text?.marks ?? []).flatMap((mark) => markOf(mark.type.name, mark))),
  };
}

function stepOf(patch: A.Patch, doc: Node): ReplaceStep | null {
  const index = patch.path[1];
  if (patch.path.length !== 2 || typeof index !== "number") return null;
  if (patch.action === "splice") {
    // Before the first block marker there is no paragraph yet.
    const place = index === 0 ? null : placeAt(doc, index);
    if (place === null || !isPlainText(doc, place, place)) return null;
    const { type } = doc.resolve(place).parent;
    const marks = type.allowedMarks(pmMarks(patch.marks ?? {}));
    return new ReplaceStep(
      place,
      place,
      new Slice(Fragment.from(bodySchema.schema.text(patch.value, marks)), 0, 0),
    );
  }
  if (patch.action !== "del") return null;
  const remove = patch.length ?? 1;
  const end = placeAt(doc, index + remove);
  if (end === null || !isPlainText(doc, end - remove, end)) return null;
  return indexAt(doc, end - remove) === index ? new ReplaceStep(end - remove, end, Slice.empty) : null;
}

/** Whether there is nothing but letters between two places of one paragraph. */
function isPlainText(doc: Node, from: number, to: number): boolean {
  if (from < 0 || to > doc.content.size) return false;
  const $from = doc.resolve(from);
  const $to = doc.resolve(to);
  if (!$from.parent.inlineContent || !$from.sameParent($to)) return false;
  return doc.textBetween(from, to, "", "").length === to - from;
}

type WriteMark = (document: A.Doc<unknown>, start: number, end: number) => void;

function corrections(given: A.MarkSet, wanted: Record<string, A.MarkValue>): WriteMark[] {
  const { perMarkExpand } = bodySchema.updateSpansConfig();
  const add = Object.entries(wanted).filter(([name, value]) => given[name] !== value);
  const ours = bodySchema.markMappings.map(({ automergeMarkName }) => automergeMarkName);
  const remove = ours.filter((name) => !(name in wanted) && given[name] != null);
  return [
    ...add.map(([name, value]): WriteMark => {
      const expand = perMarkExpand?.[name] ?? "both";
      return (document, start, end) => A.mark(document, BODY_PATH, { start, end, expand }, name, value);
    }),
    ...remove.map((name): WriteMark => {
      return (document, start, end) => A.unmark(document, BODY_PATH, { start, end, expand: "both" }, name);
    }),
  ];
}

function markOf(
  name: string,
  mark: Parameters<(typeof bodySchema.markMappings)[0]["parsers"]["fromProsemirror"]>[0],
): [string, A.MarkValue][] {
  const mapping = bodySchema.markMappings.find(({ prosemirrorMark }) => prosemirrorMark.name === name);
  return mapping === undefined ? [] : [[mapping.automergeMarkName, mapping.parsers.fromProsemirror(mark)]];
}

function pmMarks(marks: A.MarkSet) {
  return Object.entries(marks).flatMap(([name, value]) => {
    const mapping = bodySchema.markMappings.find(({ automergeMarkName }) => automergeMarkName === name);
    if (mapping === undefined || value === null) return [];
    return [mapping.prosemirrorMark.create(mapping.parsers.fromAutomerge(value))];
  });
}
