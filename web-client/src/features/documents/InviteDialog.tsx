import { useState } from "react";
import { api } from "~/api/client";
import type { Role } from "~/api/types";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { TextField } from "~/ui/TextField";
import styles from "./DocumentsScreen.module.css";

const ROLES: { role: Role; name: string; can: string }[] = [
  { role: "editor", name: "Member", can: "Reads and writes what this workspace shares." },
  { role: "viewer", name: "Guest", can: "Reads and writes what is shared with them by name." },
  { role: "owner", name: "Owner", can: "Does all that you can do, inviting included." },
];

/** Makes an invitation link to send to somebody. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const [role, setRole] = useState<Role>("editor");
  const [link, setLink] = useState<{ url: string; expiresAt: number } | null>(null);
  const [note, setNote] = useState<string | null>(null);

  const make = () => {
    setNote(null);
    api
      .invite(role)
      .then(setLink, (error: unknown) => setNote(error instanceof Error ? error.message : "Try again."));
  };
  const copy = (url: string) => {
    navigator.clipboard.writeText(url).then(
      () => setNote("Copied. Send it to one person: it works once."),
      () => setNote("Copy it by hand, please: this browser does not let us."),
    );
  };

  return (
    <Dialog title="Invite somebody" onClose={onClose}>
      {link === null ? (
        <>
          <fieldset className={styles.kinds}>
            <legend>What they may do</legend>
            {ROLES.map((option) => (
              <label key={option.role} className={styles.kind}>
                <input
                  type="radio"
                  name="role"
                  data-first={role === option.role ? true : undefined}
                  checked={role === option.role}
                  onChange={() => setRole(option.role)}
                />
                <strong>{option.name}</strong>
                <span>{option.can}</span>
              </label>
            ))}
          </fieldset>
          <DialogActions>
            <Button look="primary" onClick={make}>
              Make a link
            </Button>
          </DialogActions>
        </>
      ) : (
        <>
          <div className={styles.link}>
            <TextField
              label="Invitation link"
              readOnly
              value={link.url}
              onFocus={(event) => event.currentTarget.select()}
            />
            <Button look="primary" icon="copy" onClick={() => copy(link.url)}>
              Copy
            </Button>
          </div>
          <p className={styles.note}>
            Works once, until {new Intl.DateTimeFormat("en", { dateStyle: "long" }).format(link.expiresAt)}.
          </p>
        </>
      )}
      <p role="status" className={styles.note}>
        {note}
      </p>
    </Dialog>
  );
}
