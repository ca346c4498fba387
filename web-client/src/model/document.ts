/** A Fieldbook document. `title` is collaborative text, `body` is rich text with block markers. */
export interface FieldbookDocument {
  kind: string;
  meta: { title: string };
  body: string;
}

/** Where the two texts of a document are. */
export const TITLE_PATH = ["meta", "title"];
export const BODY_PATH = ["body"];

export const UNTITLED = "Untitled";

/** A document that another client made may have any shape: ask before you show it. */
export function isFieldbookDocument(value: unknown): value is FieldbookDocument {
  if (typeof value !== "object" || value === null) return false;
  const { meta, body } = value as { meta?: unknown; body?: unknown };
  if (typeof body !== "string" || typeof meta !== "object" || meta === null) return false;
  return typeof (meta as { title?: unknown }).title === "string";
}

export function titleOf(document: FieldbookDocument): string {
  return document.meta.title;
}

export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ");
}

/** Stands in the browser history of a document's page whose reader has just made it, and goes on to write. */
export const JUST_MADE = "just made";
