import { commonEnds } from "./caret";

/** How many characters (Unicode code points) a title may have that is made or typed here; the server makes no document with a longer one. */
export const TITLE_MAX_CHARACTERS = 200;

export const TITLE_TOO_LONG = `A title has at most ${TITLE_MAX_CHARACTERS} characters.`;

/**
 * What becomes of a title when somebody makes `typed` of `before`: what is too much is cut off the end of what they put in.
 *
 * Other programs, and two people at once, can make a longer title. Such a one stays as it is, and may be made shorter.
 */
export function boundedTitle(before: string, typed: string): string {
  const [old, letters] = [Array.from(before), Array.from(typed)];
  const excess = letters.length - Math.max(TITLE_MAX_CHARACTERS, old.length);
  if (excess <= 0) return typed;
  const { atEnd } = commonEnds(old, letters);
  letters.splice(letters.length - atEnd - excess, excess);
  return letters.join("");
}
