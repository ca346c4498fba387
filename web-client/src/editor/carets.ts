import type * as A from "@automerge/automerge/slim";
import { type EditorState, Plugin, PluginKey, type Transaction } from "prosemirror-state";
import { Decoration, DecorationSet, type EditorView } from "prosemirror-view";
import "./prose.css";
import type { CaretNames } from "./caretNames";
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
export function drawCarets(
  view: EditorView,
  document: A.Doc<unknown>,
  people: readonly RemoteCaret[],
  names: CaretNames,
): void {
  const before = caretsKey.getState(view.state);
  if (people.length === 0 && before === DecorationSet.empty) return;
  const size = view.state.doc.content.size;
  const decorations: Decoration[] = [];
  for (const person of people) {
    const places = placesOf(document, view.state.doc, person);
    if (places === null) continue;
    const [anchor, head] = [Math.min(places.anchor, size), Math.min(places.head, size)];
    decorations.push(...drawn(person, anchor, head, names));
  }
  const set =
    decorations.length === 0 ? DecorationSet.empty : DecorationSet.create(view.state.doc, decorations);
  view.dispatch(view.state.tr.setMeta(caretsKey, set).setMeta("addToHistory", false));
}

/** The keys of those at whose carets a transaction, which shows what others did, puts in or takes out something: they must have typed. */
export function typedAt(state: EditorState, transaction: Transaction): string[] {
  const drawnCarets = caretsKey.getState(state)?.find(undefined, undefined, ({ person }) => person != null);
  const { mapping } = transaction;
  return (drawnCarets ?? [])
    .filter(({ from }) => {
      const { pos, deletedBefore } = mapping.mapResult(from, -1);
      return deletedBefore || pos !== mapping.map(from, 1);
    })
    .map(({ spec }) => String(spec.person));
}

function drawn(person: RemoteCaret, anchor: number, head: number, names: CaretNames): Decoration[] {
  const draw = () => {
    const element = caretElement(person);
    names.drawn(person.key, element);
    return element;
  };
  const caret = Decoration.widget(head, draw, {
    person: person.key,
    key: `${person.key} ${person.colour} ${person.name}`,
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
  const dot = document.createElement("span");
  dot.className = styles.caretDot ?? "";
  const name = document.createElement("span");
  name.className = styles.caretName ?? "";
  // Drawn by the style sheet: as text it would stand amid the words for whoever searches the page, or copies from it.
  name.dataset.name = person.name;
  caret.append(dot, name);
  return caret;
}
