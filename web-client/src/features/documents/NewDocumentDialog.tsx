import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { api } from "~/api/client";
import { JUST_MADE } from "~/model/document";
import { DOCUMENT_KINDS, type DocumentKind, kindLabel, kindPurpose } from "~/model/kinds";
import { TITLE_MAX_CHARACTERS } from "~/model/title";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { Icon } from "~/ui/Icon";
import { Problem } from "~/ui/Problem";
import { TextField } from "~/ui/TextField";
import styles from "./DocumentsScreen.module.css";

const TITLE_HINTS: Record<DocumentKind, string> = {
  account_plan: "For example: Northwind, this year",
  collateral_note: "For example: Battlecard, the big competitor",
  meeting_agenda: "For example: Weekly team meeting",
};

export function NewDocumentDialog({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState<DocumentKind>("account_plan");
  const [title, setTitle] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [, navigate] = useLocation();
  const client = useQueryClient();

  const create = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      const made = await api.createDocument(kind, title.trim());
      await client.invalidateQueries({ queryKey: ["documents"] });
      onClose();
      navigate(`/d/${made.id}`, { state: JUST_MADE });
    } catch (error) {
      setProblem(error instanceof Error ? error.message : "The document could not be made. Try again.");
      setBusy(false);
    }
  };

  return (
    <Dialog title="New document" onClose={onClose}>
      <form className={styles.form} onSubmit={(event) => void create(event)}>
        <fieldset className={styles.kinds}>
          <legend>Kind</legend>
          {DOCUMENT_KINDS.map((option) => (
            <label key={option} className={styles.kind}>
              <input
                type="radio"
                name="kind"
                data-first={kind === option ? true : undefined}
                value={option}
                checked={kind === option}
                onChange={() => setKind(option)}
              />
              <Icon name={option} />
              <strong>{kindLabel(option)}</strong>
              <span>{kindPurpose(option)}</span>
            </label>
          ))}
        </fieldset>
        <TextField
          label="Title"
          hint={TITLE_HINTS[kind]}
          required
          maxLength={TITLE_MAX_CHARACTERS}
          value={title}
          onChange={(event) => setTitle(event.target.value)}
        />
        <Problem text={problem} />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" disabled={busy || title.trim() === ""}>
            Create
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
