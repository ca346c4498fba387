import { useState } from "react";
import { api } from "~/api/client";
import type { Role } from "~/api/types";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { LinkToSend } from "~/ui/LinkToSend";
import { Problem } from "~/ui/Problem";
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
  const [problem, setProblem] = useState<string | null>(null);

  const make = () => {
    setProblem(null);
    api
      .invite(role)
      .then(setLink, (error: unknown) => setProblem(error instanceof Error ? error.message : "Try again."));
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
        <LinkToSend label="Invitation link" url={link.url} expiresAt={link.expiresAt} />
      )}
      <Problem text={problem} />
    </Dialog>
  );
}
