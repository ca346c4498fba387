import { useEffect, useState } from "react";
import { Link } from "wouter";
import type { DocumentEntry, Session } from "~/api/types";
import { AccountDialog } from "~/features/account/AccountDialog";
import { PeopleDialog } from "~/features/people/PeopleDialog";
import { isFieldbookDocument, titleOf, UNTITLED } from "~/model/document";
import type { SyncEngine } from "~/sync/engine";
import { useStatus, useSyncEngine, useWaiting } from "~/sync/useSync";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";
import { StatusLine } from "~/ui/StatusLine";
import { useToast } from "~/ui/Toast";
import { Wordmark } from "~/ui/Wordmark";
import { AccountMenu } from "./AccountMenu";
import { DocumentRow } from "./DocumentRow";
import styles from "./DocumentsScreen.module.css";
import { InviteDialog } from "./InviteDialog";
import { NewDocumentDialog } from "./NewDocumentDialog";
import { useArchiving, useDocuments, useOnDevice } from "./useDocuments";

/** How often the list is asked for again while somebody looks at it. */
const REFETCH_MS = 20_000;

interface DocumentsScreenProps {
  session: Session;
  archived: boolean;
  onSignOut: () => void;
}

export function DocumentsScreen({ session, archived, onSignOut }: DocumentsScreenProps) {
  const status = useStatus(session.role);
  const [dialog, setDialog] = useState<"new" | "invite" | "people" | "account" | null>(null);
  const mayWrite = session.role !== "viewer";
  useEffect(() => {
    document.title = `${archived ? "Archive" : "Documents"} · Fieldbook`;
  }, [archived]);
  return (
    <>
      <a className="skip-link" href="#main">
        Skip to the documents
      </a>
      <header className={styles.bar}>
        <Link href="/" aria-label="Fieldbook, all documents" className={styles.home}>
          <Wordmark />
        </Link>
        <div className={styles.barEnd}>
          <StatusLine status={status} />
          <AccountMenu
            session={session}
            onInvite={() => setDialog("invite")}
            onPeople={() => setDialog("people")}
            onAccount={() => setDialog("account")}
            onSignOut={onSignOut}
          />
        </div>
      </header>
      <main id="main" tabIndex={-1} className={styles.main}>
        <div className={styles.head}>
          <div>
            <p className={styles.workspace}>{session.workspace?.name}</p>
            <h1>{archived ? "Archive" : "Documents"}</h1>
          </div>
          {mayWrite && !archived ? (
            <Button look="primary" icon="plus" className={styles.create} onClick={() => setDialog("new")}>
              New document
            </Button>
          ) : null}
        </div>
        <nav className={styles.tabs} aria-label="Which documents">
          <Link href="/" aria-current={archived ? undefined : "page"}>
            Current
          </Link>
          <Link href="/archive" aria-current={archived ? "page" : undefined}>
            Archive
          </Link>
        </nav>
        <DocumentList session={session} archived={archived} onCreate={() => setDialog("new")} />
      </main>
      {dialog === "new" ? <NewDocumentDialog onClose={() => setDialog(null)} /> : null}
      {dialog === "people" && session.workspace ? (
        <PeopleDialog session={session} workspace={session.workspace} onClose={() => setDialog(null)} />
      ) : null}
      {dialog === "account" ? <AccountDialog session={session} onClose={() => setDialog(null)} /> : null}
      {dialog === "invite" ? <InviteDialog onClose={() => setDialog(null)} /> : null}
    </>
  );
}

function DocumentList({
  session,
  archived,
  onCreate,
}: {
  session: Session;
  archived: boolean;
  onCreate: () => void;
}) {
  const { data, error, isPending } = useDocuments(session.user.id, archived, REFETCH_MS);
  const onDevice = useOnDevice(session.user.id);
  const waiting = useWaiting();
  const engine = useSyncEngine();
  const online = engine?.connection.get() !== "offline";
  const toast = useToast();
  const archiving = useArchiving(session.user.id, (text) => toast({ text }));

  const move = (entry: DocumentEntry, archive: boolean) => {
    archiving.mutate({ id: entry.id, archive });
    toast({
      text: `${archive ? "Archived" : "Restored"} “${titleHere(engine, entry)}”`,
      action: { label: "Undo", run: () => archiving.mutate({ id: entry.id, archive: !archive }) },
    });
  };

  if (isPending && data === undefined) return <p className={styles.quiet}>Loading…</p>;
  if (data === undefined) return <Notice tone="waiting" icon="offline" title={error?.message ?? ""} />;
  if (data.length === 0) return <Empty archived={archived} role={session.role} onCreate={onCreate} />;
  return (
    <>
      {error !== null ? <p className={styles.stale}>This is the list as this device last saw it.</p> : null}
      <ul className={styles.list}>
        {data.map((entry) => (
          <DocumentRow
            key={entry.id}
            entry={entry}
            title={titleHere(engine, entry)}
            waiting={waiting.get(entry.id)?.changes ?? 0}
            missing={onDevice !== null && !onDevice.has(entry.id) && (error !== null || !online)}
            mayArchive={session.role !== "viewer"}
            onArchive={() => move(entry, !archived)}
          />
        ))}
      </ul>
    </>
  );
}

/** A document that is open on this device knows its title better than the list, which the server brings up to date now and then. */
function titleHere(engine: SyncEngine | null, entry: DocumentEntry): string {
  const open = engine?.opened(entry.id);
  const document = open?.handle.isReady() ? open.handle.doc() : null;
  return (isFieldbookDocument(document) ? titleOf(document) : entry.title).trim() || UNTITLED;
}

function Empty({
  archived,
  role,
  onCreate,
}: {
  archived: boolean;
  role: Session["role"];
  onCreate: () => void;
}) {
  if (archived)
    return <p className={styles.quiet}>Nothing here. What you archive stays here, and can be restored.</p>;
  if (role === "viewer")
    return (
      <p className={styles.quiet}>No documents yet. They appear here when somebody shares one with you.</p>
    );
  return (
    <div className={styles.empty}>
      <p>Start with the account or the meeting that is on your mind.</p>
      <Button look="primary" icon="plus" onClick={onCreate}>
        Make the first document
      </Button>
    </div>
  );
}
