import { useEffect, useRef, useState } from "react";
import { BodyEditor } from "~/editor/bodyEditor";
import type { Surroundings } from "~/editor/commands";
import type { FieldbookDocument } from "~/model/document";
import { personColour } from "~/model/person";
import { plainText } from "~/model/words";
import type { OpenDocument } from "~/sync/openDocument";
import { useObservable } from "~/sync/useSync";
import { Notice } from "~/ui/Notice";
import styles from "./DocumentPage.module.css";

interface BodyProps {
  open: OpenDocument;
  editable: boolean;
  onEditor: (editor: BodyEditor | null) => void;
  onUpdate: (surroundings: Surroundings) => void;
  onCaret: () => void;
  onLink: () => void;
}

/** Where the editor lives. React renders this place once and then leaves it alone: the editor owns what is inside. */
export function Body({ open, editable, onEditor, onUpdate, onCaret, onLink }: BodyProps) {
  const mount = useRef<HTMLDivElement>(null);
  const editor = useRef<BodyEditor | null>(null);
  const calls = useRef({ onUpdate, onCaret, onLink, editable });
  calls.current = { onUpdate, onCaret, onLink, editable };
  const [broken, setBroken] = useState(false);

  useEffect(() => {
    if (mount.current === null) return;
    try {
      editor.current = new BodyEditor({
        mount: mount.current,
        handle: open.handle as ConstructorParameters<typeof BodyEditor>[0]["handle"],
        label: "Document text",
        editable: calls.current.editable,
        onUpdate: (surroundings) => calls.current.onUpdate(surroundings),
        onCaret: () => calls.current.onCaret(),
        onLink: () => calls.current.onLink(),
      });
      onEditor(editor.current);
    } catch (error) {
      console.error("The body of this document can not be shown as rich text.", error);
      setBroken(true);
    }
    return () => {
      editor.current?.destroy();
      editor.current = null;
      onEditor(null);
    };
  }, [open, onEditor]);

  useEffect(() => editor.current?.setEditable(editable), [editable]);

  const people = useObservable(open.presence.people);
  useEffect(() => {
    const carets = people.flatMap(({ key, name, userId, caret }) =>
      caret === null ? [] : [{ key, name, colour: personColour(userId), ...caret }],
    );
    editor.current?.showCarets(carets);
  }, [people]);

  if (broken) return <AsPlainText open={open} />;
  return <div ref={mount} className={styles.body} />;
}

function AsPlainText({ open }: { open: OpenDocument }) {
  return (
    <>
      <Notice tone="waiting" icon="alert" title="This text can’t be edited here">
        <p>It has parts that this version of Fieldbook does not know. These are its words.</p>
      </Notice>
      <pre className={styles.plain}>{plainText(open.handle.doc() as FieldbookDocument)}</pre>
    </>
  );
}
