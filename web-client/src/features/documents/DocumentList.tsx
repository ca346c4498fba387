import { useState } from "react";
import type { DocumentEntry, Session } from "~/api/types";
import { isFieldbookDocument, titleOf, UNTITLED } from "~/model/document";
import type { Shelf } from "~/model/shelf";
import type { SyncEngine } from "~/sync/engine";
import { useSyncEngine, useWaiting } from "~/sync/useSync";
import { Button, IconButton } from "~/ui/Button";
import { Notice } from "~/ui/Notice";
import { useToast } from "~/ui/Toast";
import { DocumentRow } from "./DocumentRow";
import styles from "./DocumentsScreen.module.css";
import { PurgeDialog } from "./PurgeDialog";
import { useDocuments, useMoving, useOnDevice } from "./useDocuments";

/** How often the list is asked for again while somebody looks at it. */
const REFETCH_MS = 20_000;

interface DocumentListProps {
  session: Session;
  shelf: Shelf;
  onCreate: () => void;
}

/** The documents of one shelf, and what can be done with each of them there. */
export function DocumentList({ session, shelf, onCreate }: DocumentListProps) {
  const { data, error, isPending } = useDocuments(session.user.id, shelf, REFETCH_MS);
  const onDevice = useOnDevice(session.user.id);
  const waiting = useWaiting();
  const engine = useSyncEngine();
  const online = engine?.connection.get() !== "offline";
  const toast = useToast();
  const moving = useMoving(session.user.id, (text) => toast({ text }));
  const [purging, setPurging] = useState<{ id: string; title: string } | null>(null);

  const move = (entry: DocumentEntry) => {
    const to = shelf === "current" ? "archive" : "current";
    moving.mutate({ id: entry.id, to });
    toast({
      text: `${to === "archive" ? "Archived" : "Restored"} “${titleHere(engine, entry)}”`,
      action: { label: "Undo", run: () => moving.mutate({ id: entry.id, to: shelf }) },
    });
  };

  if (isPending && data === undefined) return <p className={styles.quiet}>Loading…</p>;
  if (data === undefined) return <Notice tone="waiting" icon="offline" title={error?.message ?? ""} />;
  if (data.length === 0) return <Empty shelf={shelf} role={session.role} onCreate={onCreate} />;
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
          >
            <RowActions
              shelf={shelf}
              // Only who owns a document finds it in the trash.
              mayMove={shelf === "trash" || session.role !== "viewer"}
              title={titleHere(engine, entry)}
              onMove={() => move(entry)}
              onPurge={() => setPurging({ id: entry.id, title: titleHere(engine, entry) })}
            />
          </DocumentRow>
        ))}
      </ul>
      {purging === null ? null : <PurgeDialog {...purging} onClose={() => setPurging(null)} />}
    </>
  );
}

interface RowActionsProps {
  shelf: Shelf;
  mayMove: boolean;
  title: string;
  onMove: () => void;
  onPurge: () => void;
}

function RowActions({ shelf, mayMove, title, onMove, onPurge }: RowActionsProps) {
  if (!mayMove) return null;
  if (shelf === "current") return <IconButton icon="archive" label={`Archive ${title}`} onClick={onMove} />;
  return (
    <>
      <IconButton icon="restore" label={`Restore ${title}`} onClick={onMove} />
      {shelf === "trash" ? (
        <IconButton icon="trash" label={`Delete ${title} for ever`} onClick={onPurge} />
      ) : null}
    </>
  );
}

/** A document that is open on this device knows its title better than the list, which the server brings up to date now and then. */
function titleHere(engine: SyncEngine | null, entry: DocumentEntry): string {
  const open = engine?.opened(entry.id);
  const document = open?.handle.isReady() ? open.handle.doc() : null;
  return (isFieldbookDocument(document) ? titleOf(document) : entry.title).trim() || UNTITLED;
}

const EMPTY: Record<"archive" | "trash", string> = {
  archive: "Nothing here. What you archive stays here, and can be restored.",
  trash:
    "Nothing here. Documents that you own and move to the trash wait here to be restored, or deleted for ever.",
};

function Empty({ shelf, role, onCreate }: { shelf: Shelf; role: Session["role"]; onCreate: () => void }) {
  if (shelf !== "current") return <p className={styles.quiet}>{EMPTY[shelf]}</p>;
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
