import * as RadixToolbar from "@radix-ui/react-toolbar";
import type { Command } from "prosemirror-state";
import { useRef } from "react";
import type { BodyEditor } from "~/editor/bodyEditor";
import {
  type BlockStyle,
  indent,
  outdent,
  redo,
  type Surroundings,
  setBlock,
  toggleEm,
  toggleList,
  toggleStrong,
  undo,
} from "~/editor/commands";
import { Icon, type IconName } from "~/ui/Icon";
import styles from "./Toolbar.module.css";
import { useKeyboardInset } from "./useKeyboardInset";

interface ToolbarProps {
  editor: BodyEditor;
  around: Surroundings;
  onLink: () => void;
}

const BLOCKS: { style: BlockStyle; name: string }[] = [
  { style: "paragraph", name: "Text" },
  { style: "heading1", name: "Heading 1" },
  { style: "heading2", name: "Heading 2" },
  { style: "heading3", name: "Heading 3" },
  { style: "quote", name: "Quote" },
  { style: "code", name: "Code" },
];

/** On a desk below the bar; on a phone just above the keyboard, and only while one writes. */
export function Toolbar({ editor, around, onLink }: ToolbarProps) {
  const place = useRef<HTMLDivElement>(null);
  useKeyboardInset(place);
  const run = (command: Command) => () => editor.run(command);
  return (
    <div ref={place} className={styles.place}>
      <RadixToolbar.Root
        className={styles.toolbar}
        aria-label="Text format"
        // A press must not take the focus, and with it a phone's keyboard, away from the text.
        onMouseDown={(event) => {
          if (!(event.target instanceof HTMLSelectElement)) event.preventDefault();
        }}
      >
        <Tool icon="undo" label="Undo" disabled={!around.canUndo} onPress={run(undo)} />
        <Tool icon="redo" label="Redo" disabled={!around.canRedo} onPress={run(redo)} />
        <span className={styles.gap} />
        <BlockSelect around={around} onChange={(style) => editor.run(setBlock(style))} />
        <span className={styles.gap} />
        <Tool letter="B" label="Bold" pressed={around.strong} onPress={run(toggleStrong)} />
        <Tool letter="I" label="Italic" pressed={around.em} onPress={run(toggleEm)} />
        <Tool icon="link" label="Link" pressed={around.link !== null} onPress={onLink} />
        <span className={styles.gap} />
        <Tool
          icon="bullets"
          label="Bulleted list"
          pressed={around.list === "bullet"}
          onPress={run(toggleList("bullet"))}
        />
        <Tool
          icon="numbers"
          label="Numbered list"
          pressed={around.list === "ordered"}
          onPress={run(toggleList("ordered"))}
        />
        {around.list === null ? null : (
          <>
            <Tool icon="outdent" label="Less indent" onPress={run(outdent)} />
            <Tool icon="indent" label="More indent" disabled={!around.canIndent} onPress={run(indent)} />
          </>
        )}
      </RadixToolbar.Root>
    </div>
  );
}

interface ToolProps {
  label: string;
  icon?: IconName;
  letter?: string;
  pressed?: boolean;
  disabled?: boolean;
  onPress: () => void;
}

function Tool({ label, icon, letter, pressed, disabled, onPress }: ToolProps) {
  return (
    <RadixToolbar.Button
      className={styles.tool}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onPress}
    >
      {icon === undefined ? (
        <span className={letter === "I" ? styles.italic : styles.bold}>{letter}</span>
      ) : (
        <Icon name={icon} />
      )}
    </RadixToolbar.Button>
  );
}

/** The browser's own list: on a phone it is the one that thumbs know. */
function BlockSelect({ around, onChange }: { around: Surroundings; onChange: (style: BlockStyle) => void }) {
  return (
    <RadixToolbar.Button asChild>
      <select
        className={styles.block}
        aria-label="Paragraph style"
        value={around.block}
        onChange={(event) => onChange(event.target.value as BlockStyle)}
      >
        {BLOCKS.map(({ style, name }) => (
          <option key={style} value={style}>
            {name}
          </option>
        ))}
      </select>
    </RadixToolbar.Button>
  );
}
