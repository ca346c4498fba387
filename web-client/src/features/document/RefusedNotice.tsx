import { useState } from "react";
import type { FieldbookDocument } from "~/model/document";
import { plainText } from "~/model/words";
import type { SyncEngine } from "~/sync/engine";
import type { OpenDocument } from "~/sync/openDocument";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";

interface RefusedNoticeProps {
  open: OpenDocument;
  engine: SyncEngine;
  reason: string;
}

/** The server would not take a change. One's words are still here: copy them, then go on with what everybody else has. */
export function RefusedNotice({ open, engine, reason }: RefusedNoticeProps) {
  const [copied, setCopied] = useState(false);
  return (
    <Notice
      tone="alert"
      icon="alert"
      title="The server refused a change you made"
      actions={
        <>
          <Button icon="copy" onClick={() => void copyWords(open).then(setCopied)}>
            {copied ? "Copied" : "Copy my words"}
          </Button>
          <Button onClick={() => void startAgain(engine, open.id)}>Load the shared version</Button>
        </>
      }
    >
      <p>{reason}</p>
      <p>
        Your words are still on this device, but nobody else gets them. Copy them before you load the shared
        version.
      </p>
    </Notice>
  );
}

/** All the words of the document to the clipboard; false if the browser does not let us. */
export async function copyWords(open: OpenDocument): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(plainText(open.handle.doc() as FieldbookDocument));
    return true;
  } catch {
    return false;
  }
}

async function startAgain(engine: SyncEngine, id: string): Promise<void> {
  await engine.discard(id);
  // A new page is a new session with the server, to which nothing refused clings.
  location.reload();
}
