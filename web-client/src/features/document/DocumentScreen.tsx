import { useState } from "react";
import { Link } from "wouter";
import type { Session } from "~/api/types";
import { isFieldbookDocument } from "~/model/document";
import type { SyncEngine } from "~/sync/engine";
import type { OpenDocument } from "~/sync/openDocument";
import { useDocumentValue, useObservable, useOpenDocument, useSyncEngine } from "~/sync/useSync";
import { Notice } from "~/ui/Notice";
import { DocumentBar } from "./DocumentBar";
import { DocumentPage } from "./DocumentPage";
import styles from "./DocumentScreen.module.css";

interface DocumentScreenProps {
  id: string;
  session: Session;
  onTitle: (id: string, title: string) => void;
  onPutAway: (id: string, to: "archive" | "trash") => void;
}

/** One document: found on this device or fetched, then shown. */
export function DocumentScreen(props: DocumentScreenProps) {
  const engine = useSyncEngine();
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to the document
      </a>
      {engine === null ? <Waiting /> : <Opened key={props.id} engine={engine} {...props} />}
    </>
  );
}

function Opened({ engine, ...props }: DocumentScreenProps & { engine: SyncEngine }) {
  const open = useOpenDocument(engine, props.id);
  const availability = useObservable(open.availability);
  if (availability === "ready") return <Ready open={open} engine={engine} {...props} />;
  return (
    <>
      <DocumentBar session={props.session} />
      <main id="main" tabIndex={-1} className={styles.main}>
        {availability === "loading" ? <Skeleton /> : <Unavailable engine={engine} />}
      </main>
    </>
  );
}

function Ready({ open, engine, ...props }: DocumentScreenProps & { open: OpenDocument; engine: SyncEngine }) {
  const readable = useDocumentValue(open, isFieldbookDocument);
  if (readable) return <DocumentPage open={open} engine={engine} {...props} />;
  return (
    <>
      <DocumentBar session={props.session} open={open} />
      <main id="main" tabIndex={-1} className={styles.main}>
        <Notice icon="document" title="This document was made by another program">
          <p>It syncs like any other, but Fieldbook does not know how to show it.</p>
        </Notice>
      </main>
    </>
  );
}

function Unavailable({ engine }: { engine: SyncEngine }) {
  const connection = useObservable(engine.connection);
  if (connection !== "online") {
    return (
      <Notice icon="offline" tone="waiting" title="This document is not on this device yet">
        <p>It opens by itself when you are connected again.</p>
      </Notice>
    );
  }
  return (
    <Notice icon="document" title="There is no such document here">
      <p>The link may be wrong, or the document belongs to another workspace.</p>
      <p>
        <Link href="/">Go to all documents</Link>
      </p>
    </Notice>
  );
}

function Waiting() {
  return (
    <main id="main" tabIndex={-1} className={styles.main}>
      <Skeleton />
    </main>
  );
}

function Skeleton() {
  const [widths] = useState([55, 92, 84, 96, 40]);
  return (
    <div className={styles.skeleton} role="status" aria-label="Opening the document">
      {widths.map((width) => (
        <span key={width} style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}
