import type * as A from "@automerge/automerge/slim";
import { type DocHandle, pmNodeToSpans } from "@automerge/prosemirror";
import { history } from "prosemirror-history";
import { type Command, EditorState, TextSelection, type Transaction } from "prosemirror-state";
import { EditorView } from "prosemirror-view";
import type { FieldbookDocument } from "~/model/document";
import { Binding, writeWhole } from "./binding";
import { CaretNames } from "./caretNames";
import { carets, drawCarets, type RemoteCaret, typedAt } from "./carets";
import { type Surroundings, surroundings } from "./commands";
import { shownOf } from "./difference";
import { keys } from "./keys";
import { cursorsAt, length } from "./offsets";
import { withoutEventHandlers } from "./paste";
import { bodySchema } from "./schema";

export interface BodyEditorOptions {
  mount: HTMLElement;
  handle: DocHandle<unknown>;
  label: string;
  editable: boolean;
  /** Called after anything that a toolbar may want to show has changed. */
  onUpdate: (surroundings: Surroundings) => void;
  /** Called when the caret, the selection or the focus may have moved. */
  onCaret: () => void;
  onLink: () => void;
}

/** How long after the last change the editor is compared with the document. */
const COMPARE_AFTER_MS = 1_500;
const REDRAW_CARETS_AFTER_MS = 120;

/**
 * The editor of a body. Automerge is the truth, and ProseMirror shows it: a binding translates each way.
 * Should the translation fail, or the two drift apart, the editor is set again from the document; nothing typed is lost silently.
 */
export class BodyEditor {
  readonly view: EditorView;
  #options: BodyEditorOptions;
  #handle: DocHandle<unknown>;
  #editable: boolean;
  #people: readonly RemoteCaret[] = [];
  #names = new CaretNames();
  #binding: Binding;
  #toldSurroundings = "";
  #compareTimer: ReturnType<typeof setTimeout> | undefined;
  #caretTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: BodyEditorOptions) {
    this.#options = options;
    this.#editable = options.editable;
    this.#handle = options.handle;
    this.#binding = new Binding({
      handle: options.handle,
      view: () => this.view,
      onFailure: (error) => this.#recover(error, null),
    });
    this.view = new EditorView(options.mount, {
      state: this.#freshState(),
      editable: () => this.#editable,
      attributes: {
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": options.label,
        spellcheck: "true",
        autocapitalize: "sentences",
      },
      transformPastedHTML: withoutEventHandlers,
      dispatchTransaction: (transaction) => this.#dispatch(transaction),
      handleDOMEvents: {
        focus: () => this.#tellCaret(),
        blur: () => this.#tellCaret(),
        keydown: (view) => hearSelection(view),
        click: (_view, event) => openLink(event, this.#editable),
      },
    });
    this.#tellSurroundings();
  }

  run(command: Command): void {
    if (!this.#editable) return;
    hearSelection(this.view);
    command(this.view.state, this.view.dispatch, this.view);
    this.view.focus();
  }

  focus(): void {
    this.view.focus();
  }

  setEditable(editable: boolean): void {
    if (editable === this.#editable) return;
    this.#editable = editable;
    this.view.setProps({ editable: () => this.#editable });
  }

  /** This device's caret for the others, or null while the caret is not in the body. */
  caret(): { anchor: string; head: string } | null {
    if (!this.view.hasFocus()) return null;
    const { anchor, head } = this.view.state.selection;
    return cursorsAt(this.#document(), this.view.state.doc, { anchor, head });
  }

  showCarets(people: readonly RemoteCaret[]): void {
    const before = new Map(this.#people.map((person) => [person.key, person]));
    this.#people = people;
    this.#names.keep(new Set(people.map(({ key }) => key)));
    this.#drawCarets();
    for (const { key, anchor, head } of people) {
      const last = before.get(key);
      if (last?.anchor !== anchor || last.head !== head) this.#names.show(key);
    }
  }

  destroy(): void {
    clearTimeout(this.#compareTimer);
    clearTimeout(this.#caretTimer);
    this.#names.keep(new Set());
    this.view.destroy();
  }

  #document(): A.Doc<unknown> {
    return this.#handle.doc() as A.Doc<unknown>;
  }

  #dispatch(transaction: Transaction): void {
    try {
      if (this.#binding.showingOthers) {
        holdCaret(transaction, this.view.state);
        for (const key of typedAt(this.view.state, transaction)) this.#names.show(key);
      }
      this.view.updateState(this.view.state.apply(transaction));
      if (transaction.docChanged && length(this.view.state.doc) !== this.#bodyLength()) {
        this.#showDocument(this.view.state.selection.head);
      }
    } catch (error) {
      this.#recover(error, transaction);
    }
    if (transaction.docChanged) {
      this.#compareLater();
      if (this.#binding.showingOthers) this.#drawCaretsLater();
    }
    if (transaction.docChanged || transaction.selectionSet || transaction.storedMarksSet) {
      this.#tellSurroundings();
      this.#tellCaret();
    }
  }

  /** Mostly a keystroke changes nothing around it; then nothing needs to be drawn. */
  #tellSurroundings(): void {
    const now = surroundings(this.view.state);
    const text = JSON.stringify(now);
    if (text === this.#toldSurroundings) return;
    this.#toldSurroundings = text;
    this.#options.onUpdate(now);
  }

  #tellCaret(): boolean {
    this.#options.onCaret();
    return false;
  }

  #freshState(selectionAt?: number): EditorState {
    const doc = shownOf(this.#document());
    const state = EditorState.create({
      doc,
      plugins: [
        ...keys(this.#options.onLink),
        history({ newGroupDelay: 600 }),
        this.#binding.plugin(),
        carets(),
      ],
    });
    if (selectionAt === undefined) return state;
    const place = doc.resolve(Math.min(selectionAt, doc.content.size));
    return state.apply(state.tr.setSelection(TextSelection.near(place)));
  }

  #bodyLength(): number {
    return (this.#document() as A.Doc<FieldbookDocument>).body.length;
  }

  /** The translation failed. If it was ours that failed, write it down as a whole; then show what the document says. */
  #recover(error: unknown, ours: Transaction | null): void {
    console.error("The editor and the document disagreed; the editor shows the document again.", error);
    if (ours?.docChanged && !this.#binding.showingOthers) {
      try {
        this.#handle.change((document) => writeWhole(document as A.Doc<unknown>, ours.doc));
      } catch (second) {
        console.error("The last edit could not be kept.", second);
      }
    }
    this.#showDocument((ours ?? this.view.state).selection.head);
  }

  #showDocument(caretAt: number): void {
    this.view.updateState(this.#freshState(caretAt));
    this.#drawCarets();
    this.#tellSurroundings();
  }

  #compareLater(): void {
    clearTimeout(this.#compareTimer);
    this.#compareTimer = setTimeout(() => this.#compare(), COMPARE_AFTER_MS);
  }

  #compare(): void {
    // Replacing what is being composed would cost the writer a word.
    if (this.view.composing) {
      this.#compareLater();
      return;
    }
    const expected = JSON.stringify(pmNodeToSpans(bodySchema, shownOf(this.#document())));
    const shown = JSON.stringify(pmNodeToSpans(bodySchema, this.view.state.doc));
    if (expected === shown) return;
    console.warn("The editor had drifted from the document; it shows the document again.");
    this.#showDocument(this.view.state.selection.head);
  }

  #drawCarets(): void {
    if (!this.view.isDestroyed) drawCarets(this.view, this.#document(), this.#people, this.#names);
  }

  #drawCaretsLater(): void {
    if (this.#people.length === 0) return;
    clearTimeout(this.#caretTimer);
    this.#caretTimer = setTimeout(() => this.#drawCarets(), REDRAW_CARETS_AFTER_MS);
  }
}

/**
 * What others insert right at our caret goes behind it: so the caret stays with the letter that we typed last, and two people who write at
 * one place write one after the other instead of letter by letter.
 */
function holdCaret(transaction: Transaction, before: EditorState): void {
  if (!transaction.docChanged || !(before.selection instanceof TextSelection) || !before.selection.empty)
    return;
  const place = transaction.doc.resolve(transaction.mapping.map(before.selection.head, -1));
  if (place.parent.inlineContent) transaction.setSelection(new TextSelection(place));
}

/**
 * The browser tells of a selection in a task of its own. On a busy device somebody presses the next key before that, and a shortcut, or a
 * press in the toolbar, would be about the selection before.
 */
function hearSelection(view: EditorView): boolean {
  if (!view.composing) view.dom.ownerDocument.dispatchEvent(new Event("selectionchange"));
  return false;
}

/** In a text that can be edited a click sets the caret; with Ctrl or ⌘ it follows the link. */
function openLink(event: MouseEvent, editable: boolean): boolean {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (link === null || !editable || !(event.ctrlKey || event.metaKey)) return false;
  event.preventDefault();
  window.open(link.getAttribute("href") ?? "", "_blank", "noopener,noreferrer");
  return true;
}
