import { useState } from "react";
import type { Role } from "~/model/status";
import { Button } from "~/ui/Button";
import styles from "./ShareButton.module.css";
import { ShareDialog } from "./ShareDialog";

interface ShareButtonProps {
  documentId: string;
  userId: string;
  role: Role | null;
}

/** Opens the dialog that says who can see the document. */
export function ShareButton(props: ShareButtonProps) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button icon="people" title="Share" className={styles.button ?? ""} onClick={() => setOpen(true)}>
        <span className={styles.word}>Share</span>
      </Button>
      {open ? <ShareDialog {...props} onClose={() => setOpen(false)} /> : null}
    </>
  );
}
