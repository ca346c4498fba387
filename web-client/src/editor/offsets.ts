import * as A from "@automerge/automerge/slim";
import type { Node } from "prosemirror-model";
import { BODY_PATH } from "~/model/document";

/*
 * Where a place in the editor is in the Automerge text, and the other way round.
 *
 * Every letter of the one is a letter of the other, and every node marked `isAmgBlock` has one block marker before its contents. So both
 * ways are a walk over the editor's nodes, which takes microseconds; asking Automerge for its spans takes longer the longer the text is.
 */

/** A place in the body that stays right while others type: an Automerge cursor. */
export type BodyCursor = string;

/** How many elements of the Automerge text are before `place`. */
export function indexAt(doc: Node, place: number): number {
  let index = 0;
  doc.nodesBetween(0, place, (node, start) => {
    if (node.isText) index += Math.min(node.nodeSize, place - start);
    else if (node.attrs.isAmgBlock === true) index += 1;
  });
  return index;
}

/** Where something inserted at `index` of the Automerge text shows: right after the element before. Null: nowhere in this document. */
export function placeAt(doc: Node, index: number): number | null {
  let passed = 0;
  let place: number | null = null;
  doc.descendants((node, start) => {
    if (place !== null) return false;
    if (node.isText) {
      if (index > passed && index <= passed + node.nodeSize) place = start + index - passed;
      passed += node.nodeSize;
      return false;
    }
    if (node.attrs.isAmgBlock === true) passed += 1;
    // After a block marker, and before the first letter: where the next text block begins.
    if (passed === index && node.isTextblock) place = start + 1;
    else if (passed === index && node.isLeaf) place = start + node.nodeSize;
    return true;
  });
  return place;
}

/** How long the Automerge text is that `doc` shows. */
export function length(doc: Node): number {
  return indexAt(doc, doc.content.size);
}

/** Cursors for two places in the editor. */
export function cursorsAt(
  document: A.Doc<unknown>,
  doc: Node,
  places: { anchor: number; head: number },
): { anchor: BodyCursor; head: BodyCursor } {
  // Past the last element Automerge itself makes this the cursor "end".
  const cursor = (place: number) => A.getCursor(document, BODY_PATH, indexAt(doc, place));
  return { anchor: cursor(places.anchor), head: cursor(places.head) };
}

/** Where cursors are in the editor now. Null: they point at something that this device does not have yet. */
export function placesOf(
  document: A.Doc<unknown>,
  doc: Node,
  cursors: { anchor: BodyCursor; head: BodyCursor },
): { anchor: number; head: number } | null {
  const anchor = placeOf(document, doc, cursors.anchor);
  const head = placeOf(document, doc, cursors.head);
  return anchor === null || head === null ? null : { anchor, head };
}

function placeOf(document: A.Doc<unknown>, doc: Node, cursor: BodyCursor): number | null {
  try {
    return placeAt(doc, A.getCursorPosition(document, BODY_PATH, cursor as A.Cursor));
  } catch {
    return null;
  }
}
