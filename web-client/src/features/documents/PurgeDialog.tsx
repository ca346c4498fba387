import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "~/api/client";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { Problem } from "~/ui/Problem";

interface PurgeDialogProps {
  id: string;
  title: string;
  onClose: () => void;
}

/** Asked before a document is deleted for ever: nothing brings that back. */
export function PurgeDialog({ id, title, onClose }: PurgeDialogProps) {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const purge = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await api.purge(id);
      await client.invalidateQueries({ queryKey: ["documents"] });
      onClose();
      // The button that opened the dialog went with the row.
      document.getElementById("main")?.focus({ preventScroll: true });
    } catch (error) {
      setBusy(false);
      setProblem(error instanceof Error ? error.message : "That did not work. Try again.");
    }
  };
  return (
    <Dialog title="Delete for ever?" onClose={onClose}>
      <p>“{title}” is deleted for everybody, with all that was written in it. Nobody can bring it back.</p>
      <Problem text={problem} />
      <DialogActions>
        <Button disabled={busy} onClick={() => void purge()}>
          Delete for ever
        </Button>
        <Button look="primary" data-first onClick={onClose}>
          Keep it
        </Button>
      </DialogActions>
    </Dialog>
  );
}
