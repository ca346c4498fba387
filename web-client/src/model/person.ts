/** How many colours for people tokens.css has (--person-0 …). */
export const PERSON_COLOURS = 8;

/** One or two letters for an avatar. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = firstLetter(words[0]);
  const last = words.length > 1 ? firstLetter(words.at(-1)) : "";
  return (first + last).toLocaleUpperCase() || "?";
}

/** The same colour for the same person, on every screen and every day. */
export function personColour(userId: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < userId.length; index += 1) {
    hash = Math.imul(hash ^ userId.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash % PERSON_COLOURS;
}

function firstLetter(word: string | undefined): string {
  return word === undefined ? "" : (Array.from(word)[0] ?? "");
}
