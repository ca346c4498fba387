import { type KeyboardEvent, type Ref, useEffect, useId, useState } from "react";
import { Icon } from "~/ui/Icon";
import { TextField } from "~/ui/TextField";
import styles from "./Sharing.module.css";

export interface Candidate {
  kind: "person" | "group";
  id: string;
  name: string;
  /** What tells them apart: "Guest", "Group of 3". */
  detail: string;
}

interface NamePickerProps {
  label: string;
  candidates: readonly Candidate[];
  text: string;
  onText: (text: string) => void;
  onPick: (candidate: Candidate) => void;
  /** True when the text already stands for somebody: then nothing is offered. */
  picked: boolean;
  error: string | null;
  ref: Ref<HTMLInputElement>;
}

const OFFERED = 6;

/** A text field that offers the names that go with what is typed. Arrows and Enter choose, Escape closes. */
export function NamePicker(props: NamePickerProps) {
  const { label, candidates, text, onText, onPick, picked, error, ref } = props;
  const listId = useId();
  const [active, setActive] = useState(0);
  // It does not close when the focus goes: what is pressed next would move away from under the pointer.
  const [offers, setOffers] = useState<"none" | "what was typed" | "all">("none");
  const nothing = picked || offers === "none" || (offers === "what was typed" && text.trim() === "");
  const offered = nothing ? [] : matching(candidates, text);
  const open = offered.length > 0;
  useEffect(() => {
    // Above the keyboard of a phone, and above the end of the dialog.
    if (!open) return;
    for (const id of [listId, `${listId}-${active}`]) {
      document.getElementById(id)?.scrollIntoView({ block: "nearest" });
    }
  }, [open, active, listId]);
  const pick = (candidate: Candidate | undefined) => {
    if (candidate === undefined) return;
    onPick(candidate);
    setOffers("none");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0) {
      event.preventDefault();
      if (open) setActive((active + step + offered.length) % offered.length);
      else setOffers("all");
    } else if (open && event.key === "Enter") {
      event.preventDefault();
      pick(offered[active]);
    } else if (open && event.key === "Escape") {
      // Closes the offers, not the dialog.
      event.preventDefault();
      event.stopPropagation();
      setOffers("none");
    } else if (event.key === "Tab") {
      setOffers("none");
    }
  };
  return (
    <div className={styles.picker}>
      <TextField
        ref={ref}
        label={label}
        role="combobox"
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls={listId}
        aria-activedescendant={open ? `${listId}-${active}` : undefined}
        autoComplete="off"
        autoCorrect="off"
        spellCheck={false}
        value={text}
        error={error}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          setActive(0);
          setOffers("what was typed");
          onText(event.target.value);
        }}
      />
      <div id={listId} role="listbox" aria-label="Names" className={styles.offers} hidden={!open}>
        {offered.map((candidate, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the text field's, where the focus stays.
          <div
            key={`${candidate.kind} ${candidate.id}`}
            id={`${listId}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            className={styles.offer}
            // The focus stays in the text field.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => pick(candidate)}
          >
            {candidate.kind === "group" ? <Icon name="people" /> : null}
            <span>{candidate.name}</span>
            <span className={styles.facts}>{candidate.detail}</span>
          </div>
        ))}
      </div>
    </div>
  );
}

/** Names that begin so come before names that have it somewhere. */
function matching(candidates: readonly Candidate[], text: string): Candidate[] {
  const wanted = text.trim().toLocaleLowerCase();
  const found = candidates.filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
  const begins = ({ name }: Candidate) => (name.toLocaleLowerCase().startsWith(wanted) ? 0 : 1);
  return found.sort((a, b) => begins(a) - begins(b) || a.name.localeCompare(b.name)).slice(0, OFFERED);
}
