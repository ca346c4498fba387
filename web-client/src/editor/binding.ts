import * as A from "@automerge/automerge/slim";
import { type DocHandle, pmNodeToSpans } from "@automerge/prosemirror";
// The package's own translation of editor steps, which it exports as a part of its plugin only.
import pmToAm from "@automerge/prosemirror/dist/pmToAm.js";
import type { Node } from "prosemirror-model";
import { type EditorState, Plugin, type Transaction } from "prosemirror-state";
import type { EditorView } from "prosemirror-view";
import { BODY_PATH, type FieldbookDocument } from "~/model/document";
import { difference, settle } from "./difference";
import { bodySchema } from "./schema";
import { corrected, type TextEdit, typedByOthers, typedEdit, writeEdit } from "./typing";

type ChangePayload = Parameters<Parameters<DocHandle<unknown>["on"]>[1]>[0];

export interface BindingOptions {
  handle: DocHandle<unknown>;
  view: () => EditorView;
  /** Called when showing what others did fails. */
  onFailure: (error: unknown) => void;
}

/**
 * Ties an editor to the body of a document; what `syncPlugin` of `@automerge/prosemirror` does, done so that it keeps up and keeps true.
 *
 * What we do in the editor: typing is written the short way (typing.ts), all else with the package's translation; then the editor is made
 * to show just what the document says. What others do: typing is shown the short way, all else by comparing (difference.ts).
 */
export class Binding {
  /** True while what others did is being shown. */
  showingOthers = false;
  #options: BindingOptions;
  #isWriting = false;
  #lastPatches: A.Patch[] = [];

  constructor(options: BindingOptions) {
    this.#options = options;
  }

  /** A new plugin for a new editor state. */
  plugin(): Plugin {
    const { handle } = this.#options;
    return new Plugin({
      view: () => {
        const hear = (payload: ChangePayload) => this.#hear(payload);
        handle.on("change", hear);
        return { destroy: () => handle.off("change", hear) };
      },
      appendTransaction: (transactions, _before, after) => {
        const ours = transactions.filter(({ docChanged }) => docChanged);
        return this.showingOthers || ours.length === 0 ? undefined : this.#write(ours, after);
      },
    });
  }

  #write(transactions: Transaction[], after: EditorState): Transaction | null {
    const edit = typedEdit(transactions, this.#body());
    if (edit !== null) {
      this.#type(edit);
      return null;
    }
    try {
      this.#change((document) => translate(document, transactions));
    } catch {
      // The package can not read every text that two people's edits may make together. Then the text as a whole.
      this.#change((document) => writeWhole(document, after.doc));
    }
    return settle(after, this.#options.handle.doc() as A.Doc<unknown>);
  }

  #type(edit: TextEdit): void {
    this.#change((document) => writeEdit(document, edit));
    const correct = corrected(edit, this.#lastPatches);
    if (correct !== null) this.#change(correct);
  }

  /** What we write ourselves comes back as a change of the document, which the editor already shows. */
  #change(edit: (document: A.Doc<unknown>) => void): void {
    this.#isWriting = true;
    this.#lastPatches = [];
    try {
      this.#options.handle.change((document) => edit(document as A.Doc<unknown>));
    } finally {
      this.#isWriting = false;
    }
  }

  /** A failure here must not take the Repo, or its other listeners, down with it. */
  #hear({ doc, patches, patchInfo }: ChangePayload): void {
    if (this.#isWriting) this.#lastPatches = patches;
    if (this.#isWriting || !patches.some(({ path }) => path[0] === BODY_PATH[0])) return;
    this.showingOthers = true;
    try {
      const view = this.#options.view();
      const typed = typedByOthers(patches, view.state, this.#body());
      view.dispatch(typed ?? difference(patchInfo.before, doc, view.state));
    } catch (error) {
      this.#options.onFailure(error);
    } finally {
      this.showingOthers = false;
    }
  }

  #body(): string {
    return (this.#options.handle.doc() as FieldbookDocument).body;
  }
}

function translate(document: A.Doc<unknown>, transactions: Transaction[]): void {
  for (const { steps, docs } of transactions) {
    const [doc] = docs;
    if (doc !== undefined) pmToAm(bodySchema, A.spans(document, BODY_PATH), steps, document, doc, BODY_PATH);
  }
}

/** Makes the body say what the editor shows, with the fewest changes that Automerge can find. */
export function writeWhole(document: A.Doc<unknown>, doc: Node): void {
  A.updateSpans(document, BODY_PATH, pmNodeToSpans(bodySchema, doc), bodySchema.updateSpansConfig());
}
