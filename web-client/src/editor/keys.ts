import { baseKeymap, chainCommands, newlineInCode } from "prosemirror-commands";
import { redo, undo } from "prosemirror-history";
import { inputRules, textblockTypeInputRule, wrappingInputRule } from "prosemirror-inputrules";
import { keymap } from "prosemirror-keymap";
import { splitListItem } from "prosemirror-schema-list";
import type { Plugin } from "prosemirror-state";
import { indent, listItem, outdent, setBlock, toggleEm, toggleList, toggleStrong } from "./commands";
import { bodySchema } from "./schema";

/** Shortcuts, and what typing "# ", "- " and the like at the start of a line does. */
export function keys(onLink: () => void): Plugin[] {
  return [shortcuts(onLink), keymap(baseKeymap), typedShortcuts()];
}

function shortcuts(onLink: () => void): Plugin {
  const link = () => {
    onLink();
    return true;
  };
  return keymap({
    "Mod-z": undo,
    "Mod-y": redo,
    "Mod-Shift-z": redo,
    "Mod-b": toggleStrong,
    "Mod-i": toggleEm,
    "Mod-k": link,
    "Mod-Alt-0": setBlock("paragraph"),
    "Mod-Alt-1": setBlock("heading1"),
    "Mod-Alt-2": setBlock("heading2"),
    "Mod-Alt-3": setBlock("heading3"),
    "Mod-Shift-7": toggleList("ordered"),
    "Mod-Shift-8": toggleList("bullet"),
    "Mod-Shift-9": setBlock("quote"),
    Enter: chainCommands(newlineInCode, splitListItem(listItem)),
    // In a list Tab indents; elsewhere it goes on to the next control, as everywhere on the web.
    Tab: indent,
    "Shift-Tab": outdent,
  });
}

function typedShortcuts(): Plugin {
  const { heading, bullet_list, ordered_list, blockquote, code_block } = bodySchema.schema.nodes;
  const rules = [];
  if (heading)
    rules.push(
      textblockTypeInputRule(/^(#{1,3})\s$/, heading, (match) => ({ level: match[1]?.length ?? 1 })),
    );
  if (bullet_list) rules.push(wrappingInputRule(/^\s*[-*•]\s$/, bullet_list));
  if (ordered_list) rules.push(wrappingInputRule(/^\s*1[.)]\s$/, ordered_list));
  if (blockquote) rules.push(wrappingInputRule(/^\s*>\s$/, blockquote));
  if (code_block) rules.push(textblockTypeInputRule(/^```$/, code_block));
  return inputRules({ rules });
}
