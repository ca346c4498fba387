import type { ReactNode } from "react";
import { useLocation } from "wouter";
import type { Session } from "~/api/types";
import type { OpenDocument } from "~/sync/openDocument";
import { useStatus } from "~/sync/useSync";
import { IconButton } from "~/ui/Button";
import { StatusLine } from "~/ui/StatusLine";
import styles from "./DocumentBar.module.css";

interface DocumentBarProps {
  session: Session;
  open?: OpenDocument;
  children?: ReactNode;
}

/** Above a document: the way back, whether the work is safe, who else is here. */
export function DocumentBar({ session, open, children }: DocumentBarProps) {
  const [, navigate] = useLocation();
  const status = useStatus(session.role, open);
  return (
    <header className={styles.bar}>
      <IconButton icon="back" label="All documents" onClick={() => navigate("/")} />
      <div className={styles.status}>
        <StatusLine status={status} />
      </div>
      {children}
    </header>
  );
}
