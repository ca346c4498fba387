import * as A from "@automerge/automerge/slim";
import { BODY_PATH, type FieldbookDocument, oneLine, TITLE_PATH, titleOf } from "./document";

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
