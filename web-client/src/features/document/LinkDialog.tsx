import { type FormEvent, useState } from "react";
import type { BodyEditor } from "~/editor/bodyEditor";
import { setLink } from "~/editor/commands";
import { safeHref } from "~/editor/schema";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { TextField } from "~/ui/TextField";
import styles from "./DocumentPage.module.css";

interface LinkDialogProps {
  editor: BodyEditor;
  /** The address of the link at the caret, if there is one. */
  current: string | null;
  onClose: () => void;
}

export function LinkDialog({ editor, current, onClose }: LinkDialogProps) {
  const [address, setAddress] = useState(current ?? "");
  const [problem, setProblem] = useState<string | null>(null);

  const apply = (href: string | null) => {
    onClose();
    // After the dialog has given the focus back, so that the selection is the one from before.
    setTimeout(() => editor.run(setLink(href)));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const href = safeHref(address);
    if (href === null) setProblem("Type a web or e-mail address, like example.com.");
    else apply(href);
  };
  const target = current === null ? null : safeHref(current);

  return (
    <Dialog title="Link" onClose={onClose}>
      <form className={styles.form} onSubmit={submit} noValidate>
        <TextField
          data-first
          label="Address"
          inputMode="url"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          value={address}
          error={problem}
          onChange={(event) => setAddress(event.target.value)}
        />
        <DialogActions>
          {target === null ? null : (
            <Button look="plain" onClick={() => window.open(target, "_blank", "noopener,noreferrer")}>
              Open
            </Button>
          )}
          {current === null ? null : <Button onClick={() => apply(null)}>Remove</Button>}
          <Button look="primary" type="submit">
            {current === null ? "Add link" : "Change"}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
