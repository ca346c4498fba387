import type { ReactNode } from "react";
import { Link } from "wouter";
import type { DocumentEntry } from "~/api/types";
import { isDocumentKind, kindLabel } from "~/model/kinds";
import { waitingText } from "~/model/status";
import { dayText, whenText } from "~/model/time";
import { Icon } from "~/ui/Icon";
import styles from "./DocumentsScreen.module.css";

interface DocumentRowProps {
  entry: DocumentEntry;
  title: string;
  /** Changes of this device that the server does not have yet. */
  waiting: number;
  /** True if it can not be opened now: it is not on this device, and the server is out of reach. */
  missing: boolean;
  /** What can be done with it here. */
  children: ReactNode;
}

export function DocumentRow({ entry, title, waiting, missing, children }: DocumentRowProps) {
  return (
    <li className={styles.row}>
      <span className={styles.kindIcon}>
        <Icon name={isDocumentKind(entry.kind) ? entry.kind : "document"} />
      </span>
      <div className={styles.what}>
        <Link href={`/d/${entry.id}`} className={styles.title}>
          {title}
        </Link>
        <p className={styles.facts}>
          {kindLabel(entry.kind)}
          <span aria-hidden="true"> · </span>
          {entry.createdBy ? `by ${entry.createdBy}` : null}
          {entry.createdBy ? <span aria-hidden="true"> · </span> : null}
          changed {whenText(entry.changedAt, Date.now())}
        </p>
        {entry.purgeAt ? (
          <p className={styles.missing}>Deleted for ever on {dayText(entry.purgeAt)}</p>
        ) : null}
        {waiting > 0 ? <p className={styles.waiting}>{waitingText(waiting)}</p> : null}
        {missing ? <p className={styles.missing}>Not on this device</p> : null}
      </div>
      <div className={styles.actions}>{children}</div>
    </li>
  );
}
