import type * as A from "@automerge/automerge/slim";
import { Plugin, PluginKey } from "prosemirror-state";
import { Decoration, DecorationSet, type EditorView } from "prosemirror-view";
import "./prose.css";
import styles from "./editor.module.css";
import { type BodyCursor, placesOf } from "./offsets";

/** Somebody else's caret, as their device told it. */
export interface RemoteCaret {
  key: string;
  name: string;
  /** 0 … PERSON_COLOURS - 1 */
  colour: number;
  anchor: BodyCursor;
  head: BodyCursor;
}

const caretsKey = new PluginKey<DecorationSet>("carets");

/** Draws the others' carets and selections. Between two words from them they move along with the text. */
export function carets(): Plugin<DecorationSet> {
  return new Plugin<DecorationSet>({
    key: caretsKey,
    state: {
      init: () => DecorationSet.empty,
      apply(transaction, decorations) {
        const drawn: DecorationSet | undefined = transaction.getMeta(caretsKey);
        return drawn ?? decorations.map(transaction.mapping, transaction.doc);
      },
    },
    props: {
      decorations: (state) => caretsKey.getState(state),
    },
  });
}

/** Draws `people` where their cursors are in `document` now. */
export function drawCarets(view: EditorView, document: A.Doc<unknown>, people: readonly RemoteCaret[]): void {
  const before = caretsKey.getState(view.state);
  if (people.length === 0 && before === DecorationSet.empty) return;
  const size = view.state.doc.content.size;
  const decorations: Decoration[] = [];
  for (const person of people) {
    const places = placesOf(document, view.state.doc, person);
    if (places === null) continue;
    decorations.push(...drawn(person, Math.min(places.anchor, size), Math.min(places.head, size)));
  }
  const set =
    decorations.length === 0 ? DecorationSet.empty : DecorationSet.create(view.state.doc, decorations);
  view.dispatch(view.state.tr.setMeta(caretsKey, set).setMeta("addToHistory", false));
}

function drawn(person: RemoteCaret, anchor: number, head: number): Decoration[] {
  const caret = Decoration.widget(head, () => caretElement(person), {
    // A new key draws it afresh, which shows the name again for a moment.
    key: `${person.key} ${person.head}`,
    side: -1,
    ignoreSelection: true,
    stopEvent: () => true,
  });
  if (anchor === head) return [caret];
  const selection = Decoration.inline(Math.min(anchor, head), Math.max(anchor, head), {
    class: styles.selection ?? "",
    "data-person": String(person.colour),
  });
  return [selection, caret];
}

function caretElement(person: RemoteCaret): HTMLElement {
  const caret = document.createElement("span");
  caret.className = styles.caret ?? "";
  caret.dataset.person = String(person.colour);
  // Those who can not see it have the list of people; read out in the middle of the text it would be noise.
  caret.setAttribute("aria-hidden", "true");
  const name = document.createElement("span");
  name.className = styles.caretName ?? "";
  name.textContent = person.name;
  caret.append(name);
  return caret;
}
