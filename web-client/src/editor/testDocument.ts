import * as A from "@automerge/automerge/slim";
import type { DocHandle } from "@automerge/prosemirror";

type Listener = Parameters<DocHandle<unknown>["on"]>[1];

/** One person's copy of a document, for the editor's tests: what a Repo's handle does, without a Repo. */
export class TestHandle implements DocHandle<unknown> {
  #doc: A.Doc<unknown>;
  #listeners = new Set<Listener>();

  constructor(doc: A.Doc<unknown>) {
    this.#doc = doc;
  }

  static withBody(spans: A.Span[]): TestHandle {
    const doc = A.from({ kind: "account_plan", meta: { title: "A title" }, body: "" });
    return new TestHandle(A.change(doc, (draft) => A.updateSpans(draft, ["body"], spans)));
  }

  /** Another person's copy of the same document. */
  fork(): TestHandle {
    return new TestHandle(A.clone(this.#doc));
  }

  doc = (): A.Doc<unknown> => this.#doc;

  change = (edit: (doc: unknown) => void): void => {
    this.#replace(A.change(this.#doc, edit as A.ChangeFn<unknown>));
  };

  /** Brings in what another copy has. */
  receive(other: TestHandle): void {
    this.#replace(A.merge(A.clone(this.#doc), other.doc()));
  }

  on(_event: "change", listener: Listener): void {
    this.#listeners.add(listener);
  }

  off(_event: "change", listener: Listener): void {
    this.#listeners.delete(listener);
  }

  #replace(doc: A.Doc<unknown>): void {
    const before = this.#doc;
    this.#doc = doc;
    const patches = A.diff(doc, A.getHeads(before), A.getHeads(doc));
    if (patches.length === 0) return;
    const patchInfo = { before, after: doc, source: "change" as const };
    for (const listener of Array.from(this.#listeners)) listener({ handle: this, doc, patches, patchInfo });
  }
}

export function block(type: string, attrs: Record<string, number> = {}, parents: string[] = []): A.Span {
  return {
    type: "block",
    value: {
      type: new A.ImmutableString(type),
      parents: parents.map((parent) => new A.ImmutableString(parent)),
      attrs,
      isEmbed: false,
    },
  };
}

export function words(value: string): A.Span {
  return { type: "text", value };
}
