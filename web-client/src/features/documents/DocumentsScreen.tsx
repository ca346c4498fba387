import { type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import type { Session } from "~/api/types";
import { AccountDialog } from "~/features/account/AccountDialog";
import { PeopleDialog } from "~/features/people/PeopleDialog";
import type { Shelf } from "~/model/shelf";
import { useStatus } from "~/sync/useSync";
import { Button } from "~/ui/Button";
import { StatusLine } from "~/ui/StatusLine";
import { Wordmark } from "~/ui/Wordmark";
import { AccountMenu } from "./AccountMenu";
import { DocumentList } from "./DocumentList";
import styles from "./DocumentsScreen.module.css";
import { InviteDialog } from "./InviteDialog";
import { NewDocumentDialog } from "./NewDocumentDialog";

const HEADINGS: Record<Shelf, string> = { current: "Documents", archive: "Archive", trash: "Trash" };

interface DocumentsScreenProps {
  session: Session;
  shelf: Shelf;
  onSignOut: () => void;
}

export function DocumentsScreen({ session, shelf, onSignOut }: DocumentsScreenProps) {
  const status = useStatus(session.role);
  const [dialog, setDialog] = useState<"new" | "invite" | "people" | "account" | null>(null);
  const mayWrite = session.role !== "viewer";
  useEffect(() => {
    document.title = `${HEADINGS[shelf]} · Fieldbook`;
  }, [shelf]);
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
            <h1>{HEADINGS[shelf]}</h1>
          </div>
          {mayWrite && shelf === "current" ? (
            <Button look="primary" icon="plus" className={styles.create} onClick={() => setDialog("new")}>
              New document
            </Button>
          ) : null}
        </div>
        <nav className={styles.tabs} aria-label="Which documents">
          <ShelfLink href="/" isHere={shelf === "current"}>
            Current
          </ShelfLink>
          <ShelfLink href="/archive" isHere={shelf === "archive"}>
            Archive
          </ShelfLink>
          <ShelfLink href="/trash" isHere={shelf === "trash"}>
            Trash
          </ShelfLink>
        </nav>
        <DocumentList key={shelf} session={session} shelf={shelf} onCreate={() => setDialog("new")} />
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

function ShelfLink({ href, isHere, children }: { href: string; isHere: boolean; children: ReactNode }) {
  return (
    <Link href={href} aria-current={isHere ? "page" : undefined}>
      {children}
    </Link>
  );
}
