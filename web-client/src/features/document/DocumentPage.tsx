import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import type { Session } from "~/api/types";
import type { BodyEditor } from "~/editor/bodyEditor";
import type { Surroundings } from "~/editor/commands";
import { ShareButton } from "~/features/sharing/ShareButton";
import { type FieldbookDocument, JUST_MADE, titleOf, UNTITLED } from "~/model/document";
import { kindLabel } from "~/model/kinds";
import { mayWrite } from "~/model/status";
import { kindOf } from "~/model/words";
import type { SyncEngine } from "~/sync/engine";
import type { OpenDocument } from "~/sync/openDocument";
import { useDocumentValue, useObservable } from "~/sync/useSync";
import { IconButton } from "~/ui/Button";
import { Menu, MenuItem } from "~/ui/Menu";
import { Body } from "./Body";
import { DocumentBar } from "./DocumentBar";
import styles from "./DocumentPage.module.css";
import { LinkDialog } from "./LinkDialog";
import { copyWords, RefusedNotice } from "./RefusedNotice";
import { Roster } from "./Roster";
import { TitleField } from "./TitleField";
import { Toolbar } from "./Toolbar";
import { usePresence } from "./usePresence";

interface DocumentPageProps {
  open: OpenDocument;
  engine: SyncEngine;
  id: string;
  session: Session;
  onTitle: (id: string, title: string) => void;
  onPutAway: (id: string, to: "archive" | "trash") => void;
}

/** A document with its title, its body and its tools. */
export function DocumentPage({ open, engine, id, session, onTitle, onPutAway }: DocumentPageProps) {
  const word = useObservable(open.word);
  const editable = mayWrite(word.role ?? session.role) && word.refused === null && !word.ended;
  const title = useDocumentValue(open, (document) => titleOf(document as FieldbookDocument));
  const kind = useDocumentValue(open, (document) => kindOf(document as FieldbookDocument));
  const [editor, setEditor] = useState<BodyEditor | null>(null);
  const [around, setAround] = useState<Surroundings | null>(null);
  const [linking, setLinking] = useState(false);
  const tellCaret = usePresence(open, editor);
  const onLink = useCallback(() => setLinking(true), []);
  const page = useRef<HTMLDivElement>(null);
  const client = useQueryClient();

  useEffect(() => {
    if (editor === null || history.state !== JUST_MADE) return;
    // Once: who comes back to it, or reloads, did not just make it.
    history.replaceState(null, "");
    editor.focus();
  }, [editor]);

  useEffect(() => {
    document.title = `${title.trim() || UNTITLED} · Fieldbook`;
    onTitle(id, title);
  }, [title, id, onTitle]);

  useEffect(() => {
    // The list has it no more, either.
    if (word.ended) void client.invalidateQueries({ queryKey: ["documents"] });
  }, [word.ended, client]);

  return (
    <div ref={page} className={styles.page}>
      <DocumentBar session={session} open={open}>
        <Roster presence={open.presence} userId={session.user.id} />
        <ShareButton documentId={id} userId={session.user.id} role={word.role} />
        <Menu trigger={<IconButton icon="more" label="More" />}>
          <MenuItem icon="copy" onSelect={() => void copyWords(open)}>
            Copy all the words
          </MenuItem>
          {editable ? (
            <MenuItem icon="archive" onSelect={() => onPutAway(id, "archive")}>
              Archive
            </MenuItem>
          ) : null}
          {editable && word.role === "owner" ? (
            <MenuItem icon="trash" onSelect={() => onPutAway(id, "trash")}>
              Move to trash
            </MenuItem>
          ) : null}
        </Menu>
      </DocumentBar>
      {editable && around !== null && editor !== null ? (
        <Toolbar editor={editor} around={around} onLink={onLink} />
      ) : null}
      <main id="main" tabIndex={-1} className={styles.main}>
        {word.refused === null ? null : <RefusedNotice open={open} engine={engine} reason={word.refused} />}
        <article className={styles.sheet}>
          <p className={styles.kind}>{kindLabel(kind)}</p>
          <h1 className="visually-hidden">{title.trim() || UNTITLED}</h1>
          <TitleField open={open} editable={editable} onEnter={() => editor?.focus()} />
          <Body
            open={open}
            editable={editable}
            onEditor={setEditor}
            onUpdate={setAround}
            onCaret={tellCaret}
            onLink={onLink}
          />
        </article>
      </main>
      {linking && editor !== null ? (
        <LinkDialog editor={editor} current={around?.link ?? null} onClose={() => setLinking(false)} />
      ) : null}
    </div>
  );
}
