/*
 * ProseMirror reads pasted HTML in a document without a window: nothing in it runs, and nothing is fetched. Chromium still reports each
 * event handler in it (`onerror="…"`) as a breach of our content policy, in any document that script makes. So the handlers go before
 * the HTML is read. This is for quiet, not for safety: one that is missed here does not run either.
 */

/** A tag with its attributes; `>` within quotes does not end it. */
const TAG = /<[a-z](?:[^<>"']|"[^"]*"|'[^']*')*>/gi;
/** One attribute, or the tag's name. Values are passed over whole, so that words in them are let alone. */
const ATTRIBUTE = /[^\s=>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?/g;

/** The same HTML without event handlers. */
export function withoutEventHandlers(html: string): string {
  return html.replace(TAG, (tag) =>
    tag.replace(ATTRIBUTE, (attribute) => (/^on/i.test(attribute) ? "" : attribute)),
  );
}
