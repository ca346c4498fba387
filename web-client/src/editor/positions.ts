import * as A from "@automerge/automerge/slim";
// The package maps positions between the two worlds, but exports it from its inner module only.
import { amSpliceIdxToPmIdx, pmRangeToAmRange } from "@automerge/prosemirror/dist/traversal.js";
import { BODY_PATH } from "~/model/document";
import { bodySchema } from "./schema";

/** A place in the body that stays right while others type: an Automerge cursor. */
export type BodyCursor = string;

/** Cursors for places in the editor. */
export function cursorsAt(
  document: A.Doc<unknown>,
  places: { anchor: number; head: number },
): { anchor: BodyCursor; head: BodyCursor } {
  const spans = A.spans(document, BODY_PATH);
  return { anchor: cursorAt(document, spans, places.anchor), head: cursorAt(document, spans, places.head) };
}

/** Where cursors are in the editor now. Null: they point at something that this device does not have yet. */
export function placesOf(
  document: A.Doc<unknown>,
  spans: A.Span[],
  cursors: { anchor: BodyCursor; head: BodyCursor },
): { anchor: number; head: number } | null {
  const anchor = placeOf(document, spans, cursors.anchor);
  const head = placeOf(document, spans, cursors.head);
  return anchor === null || head === null ? null : { anchor, head };
}

function cursorAt(document: A.Doc<unknown>, spans: A.Span[], place: number): BodyCursor {
  const range = pmRangeToAmRange(bodySchema, spans, { from: place, to: place });
  // Past the last character Automerge itself makes this the cursor "end".
  return A.getCursor(document, BODY_PATH, range?.start ?? "end");
}

function placeOf(document: A.Doc<unknown>, spans: A.Span[], cursor: BodyCursor): number | null {
  try {
    const index = A.getCursorPosition(document, BODY_PATH, cursor as A.Cursor);
    return amSpliceIdxToPmIdx(bodySchema, spans, index);
  } catch {
    return null;
  }
}
