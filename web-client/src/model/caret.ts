/** How many elements of `before` and `after` are the same at their start and, behind that, at their end. */
export function commonEnds<T>(before: ArrayLike<T>, after: ArrayLike<T>): { atStart: number; atEnd: number } {
  const shortest = Math.min(before.length, after.length);
  let atStart = 0;
  while (atStart < shortest && before[atStart] === after[atStart]) atStart += 1;
  let atEnd = 0;
  while (
    atEnd < shortest - atStart &&
    before[before.length - 1 - atEnd] === after[after.length - 1 - atEnd]
  ) {
    atEnd += 1;
  }
  return { atStart, atEnd };
}

/** Where a caret belongs after somebody else's edit made `before` into `after`: beside the same letters as it was. */
export function shiftCaret(before: string, after: string, caret: number): number {
  const { atStart, atEnd } = commonEnds(before, after);
  if (caret <= atStart) return caret;
  if (caret >= before.length - atEnd) return caret + after.length - before.length;
  return Math.min(caret, after.length - atEnd);
}

/** Makes the edit from `before` to `after` in `now`, which somebody else has made of `before` meanwhile. */
export function carryOver(before: string, after: string, now: string): string {
  const { atStart, atEnd } = commonEnds(before, after);
  const from = shiftCaret(before, now, atStart);
  const to = Math.max(from, shiftCaret(before, now, before.length - atEnd));
  return now.slice(0, from) + after.slice(atStart, after.length - atEnd) + now.slice(to);
}
