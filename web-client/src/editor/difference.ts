import * as A from "@automerge/automerge/slim";
import { pmDocFromSpans } from "@automerge/prosemirror";
import type { Node } from "prosemirror-model";
import { type EditorState, TextSelection, type Transaction } from "prosemirror-state";
import { BODY_PATH } from "~/model/document";
import { cursorsAt, length, placesOf } from "./offsets";
import { bodySchema } from "./schema";

/** What the editor should show of a document. */
export function shownOf(document: A.Doc<unknown>): Node {
  const spans = A.spans(document, BODY_PATH);
  try {
    return pmDocFromSpans(bodySchema, spans);
  } catch {
    // Two edits that are fine alone may not fit together, like a quote within what somebody else made code.
    return pmDocFromSpans(bodySchema, simplified(spans));
  }
}

/**
 * A transaction that makes the editor show `after`, whatever others did; it replaces no more than what differs.
 *
 * The package translates patch by patch, and loses its way where one deletion goes across paragraphs. This compares the two ends instead:
 * slower in a long document, and always right. The caret goes where its neighbours went.
 */
export function difference(before: A.Doc<unknown>, after: A.Doc<unknown>, state: EditorState): Transaction {
  const transaction = replaceDifference(state, shownOf(after));
  keepSelection(before, after, state, transaction);
  return transaction;
}

/**
 * After we have written what we did in the editor into the document: makes the editor show the document to the letter, which also marks
 * the new paragraphs that have a block marker now. Null: it does already.
 */
export function settle(state: EditorState, document: A.Doc<unknown>): Transaction | null {
  const wanted = shownOf(document);
  if (state.doc.eq(wanted)) return null;
  const transaction = state.tr;
  const settled = copyAttributes(transaction, state.doc, wanted)
    ? transaction
    : replaceDifference(state, wanted);
  return settled.setMeta("addToHistory", false).setStoredMarks(state.storedMarks);
}

function replaceDifference(state: EditorState, wanted: Node): Transaction {
  const transaction = state.tr.setMeta("addToHistory", false);
  const start = state.doc.content.findDiffStart(wanted.content);
  if (start === null) return transaction;
  let { a: endBefore, b: endAfter } = state.doc.content.findDiffEnd(wanted.content) ?? { a: start, b: start };
  // Repeated letters make the two searches overlap.
  const overlap = start - Math.min(endBefore, endAfter);
  if (overlap > 0) {
    endBefore += overlap;
    endAfter += overlap;
  }
  transaction.replace(start, endBefore, wanted.slice(start, endAfter));
  if (!transaction.doc.eq(wanted)) {
    // Pieces that only fit together in another way: then all of it.
    transaction.replaceWith(0, transaction.doc.content.size, wanted.content);
  }
  return transaction;
}

/** Gives the nodes of `doc` the attributes of `wanted`. False, if more than attributes differs. */
function copyAttributes(transaction: Transaction, doc: Node, wanted: Node, at = -1): boolean {
  if (doc.type !== wanted.type || doc.childCount !== wanted.childCount) return false;
  if (doc.isText) return doc.eq(wanted);
  for (const [name, value] of Object.entries(wanted.attrs)) {
    if (JSON.stringify(doc.attrs[name]) !== JSON.stringify(value))
      transaction.setNodeAttribute(at, name, value);
  }
  let place = at + 1;
  for (let index = 0; index < doc.childCount; index += 1) {
    const child = doc.child(index);
    if (!copyAttributes(transaction, child, wanted.child(index), place)) return false;
    place += child.nodeSize;
  }
  return true;
}

/** The same text with nothing inside anything else, which can always be shown. */
function simplified(spans: A.Span[]): A.Span[] {
  let inCode = false;
  return spans.map((span) => {
    if (span.type === "text") return inCode ? { type: "text", value: span.value } : span;
    const { type } = span.value;
    inCode = A.isImmutableString(type) && type.val === "code-block";
    return { type: "block", value: { ...span.value, parents: [] } };
  });
}

function keepSelection(
  before: A.Doc<unknown>,
  after: A.Doc<unknown>,
  state: EditorState,
  transaction: Transaction,
): void {
  const { selection } = state;
  // Where the editor had drifted from the document, its places mean nothing there.
  if (!(selection instanceof TextSelection) || length(state.doc) !== bodyLength(before)) return;
  const places = placesOf(after, transaction.doc, cursorsAt(before, state.doc, selection));
  if (places === null) return;
  const [$anchor, $head] = [transaction.doc.resolve(places.anchor), transaction.doc.resolve(places.head)];
  if ($anchor.parent.inlineContent && $head.parent.inlineContent)
    transaction.setSelection(new TextSelection($anchor, $head));
}

function bodyLength(document: A.Doc<unknown>): number {
  return (document as { body: string }).body.length;
}
