import { type ReactNode, useState } from "react";
import { Button } from "./Button";
import styles from "./LinkToSend.module.css";
import { TextField } from "./TextField";

interface LinkToSendProps {
  label: string;
  url: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  children?: ReactNode;
}

const UNTIL = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "short" });

/** A link that works once, shown once, to be sent to one person. */
export function LinkToSend({ label, url, expiresAt, children }: LinkToSendProps) {
  const [note, setNote] = useState<string | null>(null);
  const copy = () => {
    navigator.clipboard.writeText(url).then(
      () => setNote("Copied. Send it to one person: it works once."),
      () => setNote("Copy it by hand, please: this browser does not let us."),
    );
  };
  return (
    <>
      <div className={styles.link}>
        <TextField label={label} readOnly value={url} onFocus={(event) => event.currentTarget.select()} />
        <Button look="primary" icon="copy" onClick={copy}>
          Copy
        </Button>
      </div>
      <p className={styles.note}>
        Works once, until {UNTIL.format(expiresAt)}. {children}
      </p>
      <p role="status" className={styles.note}>
        {note}
      </p>
    </>
  );
}
