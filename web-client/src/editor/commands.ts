import { lift, setBlockType, toggleMark, wrapIn } from "prosemirror-commands";
import { redo, redoDepth, undo, undoDepth } from "prosemirror-history";
import type { MarkType, NodeType } from "prosemirror-model";
import { liftListItem, sinkListItem, wrapInList } from "prosemirror-schema-list";
import type { Command, EditorState } from "prosemirror-state";
import { bodySchema } from "./schema";

const { nodes, marks } = bodySchema.schema;

function node(name: string): NodeType {
  const type = nodes[name];
  if (type === undefined) throw new Error(`The schema has no node ${name}.`);
  return type;
}

function mark(name: string): MarkType {
  const type = marks[name];
  if (type === undefined) throw new Error(`The schema has no mark ${name}.`);
  return type;
}

export { redo, undo };

export type BlockStyle = "paragraph" | "heading1" | "heading2" | "heading3" | "quote" | "code";
export type ListStyle = "bullet" | "ordered";

export const listItem = node("list_item");
const listTypes: Record<ListStyle, NodeType> = { bullet: node("bullet_list"), ordered: node("ordered_list") };

export const toggleStrong: Command = toggleMark(mark("strong"));
export const toggleEm: Command = toggleMark(mark("em"));
export const indent: Command = sinkListItem(listItem);
export const outdent: Command = liftListItem(listItem);

export function setBlock(style: BlockStyle): Command {
  switch (style) {
    case "paragraph":
      return plain;
    case "quote":
      return (state, dispatch) =>
        within(state, node("blockquote"))
          ? lift(state, dispatch)
          : wrapIn(node("blockquote"))(state, dispatch);
    case "code":
      return setBlockType(node("code_block"));
    default:
      return setBlockType(node("heading"), { level: Number(style.at(-1)) });
  }
}

/** Makes the selected blocks a list; in such a list already, takes them out of it. */
export function toggleList(style: ListStyle): Command {
  return (state, dispatch, view) => {
    const current = listStyle(state);
    if (current === style) return liftListItem(listItem)(state, dispatch, view);
    if (current !== null) return changeList(style)(state, dispatch, view);
    return wrapInList(listTypes[style])(state, dispatch, view);
  };
}

/** Links the selection to `href`; without one, takes the link away. In a link without a selection, the whole link is meant. */
export function setLink(href: string | null): Command {
  return (state, dispatch) => {
    const link = mark("link");
    const range = linkRange(state) ?? { from: state.selection.from, to: state.selection.to };
    const transaction = state.tr;
    if (range.from === range.to) {
      if (href === null) return false;
      transaction.insertText(href.replace(/^(https?:\/\/|mailto:)/, ""), range.from);
      range.to = transaction.mapping.map(range.to);
    }
    transaction.removeMark(range.from, range.to, link);
    if (href !== null) transaction.addMark(range.from, range.to, link.create({ href }));
    dispatch?.(transaction.scrollIntoView());
    return true;
  };
}

/** What the toolbar shows of the place where the caret is. */
export interface Surroundings {
  block: BlockStyle;
  list: ListStyle | null;
  strong: boolean;
  em: boolean;
  link: string | null;
  canUndo: boolean;
  canRedo: boolean;
  canIndent: boolean;
}

export function surroundings(state: EditorState): Surroundings {
  return {
    block: blockStyle(state),
    list: listStyle(state),
    strong: markActive(state, mark("strong")),
    em: markActive(state, mark("em")),
    link: linkHref(state),
    canUndo: undoDepth(state) > 0,
    canRedo: redoDepth(state) > 0,
    canIndent: indent(state),
  };
}

const plain: Command = (state, dispatch) => {
  if (within(state, node("blockquote"))) return lift(state, dispatch);
  return setBlockType(node("paragraph"))(state, dispatch);
};

function changeList(style: ListStyle): Command {
  return (state, dispatch) => {
    const { $from } = state.selection;
    for (let depth = $from.depth; depth > 0; depth -= 1) {
      const type = $from.node(depth).type;
      if (type !== listTypes.bullet && type !== listTypes.ordered) continue;
      dispatch?.(state.tr.setNodeMarkup($from.before(depth), listTypes[style]));
      return true;
    }
    return false;
  };
}

function blockStyle(state: EditorState): BlockStyle {
  const { parent } = state.selection.$from;
  if (parent.type === node("heading")) {
    return `heading${Math.min(3, Number(parent.attrs.level))}` as BlockStyle;
  }
  if (parent.type === node("code_block")) return "code";
  return within(state, node("blockquote")) ? "quote" : "paragraph";
}

function listStyle(state: EditorState): ListStyle | null {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) {
    const type = $from.node(depth).type;
    if (type === listTypes.bullet) return "bullet";
    if (type === listTypes.ordered) return "ordered";
  }
  return null;
}

function within(state: EditorState, type: NodeType): boolean {
  const { $from } = state.selection;
  for (let depth = $from.depth; depth > 0; depth -= 1) {
    if ($from.node(depth).type === type) return true;
  }
  return false;
}

function markActive(state: EditorState, type: MarkType): boolean {
  const { from, to, empty, $from } = state.selection;
  if (empty) return type.isInSet(state.storedMarks ?? $from.marks()) !== undefined;
  return state.doc.rangeHasMark(from, to, type);
}

function linkHref(state: EditorState): string | null {
  const { $from } = state.selection;
  const found = mark("link").isInSet($from.marks()) ?? mark("link").isInSet($from.nodeAfter?.marks ?? []);
  return found === undefined ? null : String(found.attrs.href);
}

function linkRange(state: EditorState): { from: number; to: number } | null {
  const { $from, empty } = state.selection;
  const link = mark("link").isInSet($from.marks()) ?? mark("link").isInSet($from.nodeAfter?.marks ?? []);
  if (!empty || link === undefined) return null;
  const start = $from.start();
  let range: { from: number; to: number } | null = null;
  $from.parent.forEach((child, offset) => {
    const from = start + offset;
    const to = from + child.nodeSize;
    if (!link.isInSet(child.marks)) return;
    if (range !== null && range.to === from) range.to = to;
    else if (range === null || range.to < $from.pos) range = { from, to };
  });
  return range;
}
