import * as A from "@automerge/automerge/slim";

/** Hashes of the newest changes of a document, as Automerge writes them (hexadecimal). */
export type Heads = string[];

/**
 * How many changes of `document` the server has not acknowledged: those that are neither among `acknowledged` nor their ancestors.
 * Acknowledged hashes that this device does not know (yet) say nothing about its own changes, and are left out.
 */
export function unacknowledgedChanges(document: A.Doc<unknown>, acknowledged: Heads): number {
  const heads = A.getHeads(document);
  if (sameHeads(heads, acknowledged)) return 0;
  const known = acknowledged.filter((hash) => A.hasHeads(document, [hash]));
  if (sameHeads(heads, known)) return 0;
  return A.getChangesMetaSince(document, known).length;
}

export function sameHeads(a: Heads, b: Heads): boolean {
  return a.length === b.length && a.every((hash) => b.includes(hash));
}
