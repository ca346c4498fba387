/** The kinds of document that a workspace makes. */
export const DOCUMENT_KINDS = ["account_plan", "collateral_note", "meeting_agenda"] as const;

export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

const LABELS: Record<DocumentKind, string> = {
  account_plan: "Account plan",
  collateral_note: "Collateral note",
  meeting_agenda: "Meeting agenda",
};

const PURPOSES: Record<DocumentKind, string> = {
  account_plan: "Goals, people, opportunities and next steps for one customer.",
  collateral_note: "When to use a deck or battlecard, and what to say.",
  meeting_agenda: "What to talk about, what was decided, who does what.",
};

export function isDocumentKind(value: unknown): value is DocumentKind {
  return DOCUMENT_KINDS.some((kind) => kind === value);
}

/** What a kind is called. Documents of other clients may have none. */
export function kindLabel(kind: string | null | undefined): string {
  return isDocumentKind(kind) ? LABELS[kind] : "Document";
}

export function kindPurpose(kind: DocumentKind): string {
  return PURPOSES[kind];
}
