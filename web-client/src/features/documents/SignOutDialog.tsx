import { useState } from "react";
import { waitingText } from "~/model/status";
import { useWaiting } from "~/sync/useSync";
import { totalWaiting } from "~/sync/waiting";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { Problem } from "~/ui/Problem";

interface SignOutDialogProps {
  onSignOut: () => Promise<void>;
  onClose: () => void;
}

/** Asked only if some work is on this device and nowhere else. */
export function SignOutDialog({ onSignOut, onClose }: SignOutDialogProps) {
  const { changes } = totalWaiting(useWaiting());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const leave = () => {
    setBusy(true);
    onSignOut().catch((error: unknown) => {
      setBusy(false);
      setProblem(error instanceof Error ? error.message : "That did not work. Try again.");
    });
  };

  return (
    <Dialog title="Not everything is sent yet" onClose={onClose}>
      <p>
        {waitingText(changes)}, and nowhere else. If you sign out, they stay here, and are sent when you sign
        in on this device again.
      </p>
      <Problem text={problem} />
      <DialogActions>
        <Button disabled={busy} onClick={leave}>
          Sign out anyway
        </Button>
        <Button look="primary" onClick={onClose}>
          Stay signed in
        </Button>
      </DialogActions>
    </Dialog>
  );
}
