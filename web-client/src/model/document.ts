import * as A from "@automerge/automerge/slim";

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

/** The kind is a register, not a text: Automerge shows such strings as objects of their own. */
export function kindOf(document: FieldbookDocument): string | null {
  const kind: unknown = document.kind;
  if (typeof kind === "string") return kind;
  return A.isImmutableString(kind) ? kind.val : null;
}

/** Makes the title say `title`, as the smallest edit that does so: what others type in it meanwhile stays. */
export function writeTitle(document: FieldbookDocument, title: string): void {
  A.updateText(document, TITLE_PATH, oneLine(title));
}

export function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ");
}

/** All the words of a document as plain text, for the clipboard. */
export function plainText(document: FieldbookDocument): string {
  const lines: string[] = [titleOf(document), ""];
  let line: string | null = null;
  const flush = () => {
    if (line !== null) lines.push(line);
  };
  for (const span of A.spans(document, BODY_PATH)) {
    if (span.type === "block") {
      flush();
      line = linePrefix(span.value);
    } else {
      line = (line ?? "") + span.value;
    }
  }
  flush();
  return `${lines.join("\n")}\n`;
}

function linePrefix(block: Record<string, unknown>): string {
  const type = A.isImmutableString(block.type) ? block.type.val : "";
  if (type === "unordered-list-item") return "- ";
  if (type === "ordered-list-item") return "1. ";
  return "";
}
