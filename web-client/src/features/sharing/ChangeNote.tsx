import { useEffect } from "react";
import { Button } from "~/ui/Button";
import styles from "./Sharing.module.css";
import type { ChangeState } from "./useSharing";

/** Beside what is changed: what they would lose by it, or why it failed. */
export function ChangeNote({ change, id }: { change: ChangeState; id?: string }) {
  if (change.warning !== null) return <Warning change={change} text={change.warning} />;
  if (change.problem === null) return null;
  return (
    <p id={id} className={styles.problem} role="alert">
      {change.problem}
    </p>
  );
}

function Warning({ change, text }: { change: ChangeState; text: string }) {
  useEffect(() => {
    const before = document.activeElement;
    // Its buttons go with it; the focus goes back to what was about to be changed.
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <div className={styles.warning} role="alert">
      <p>{text}</p>
      <div className={styles.choices}>
        <Button onClick={change.leaveIt}>Leave it as it is</Button>
        <Button onClick={change.goOn}>Change it</Button>
      </div>
    </div>
  );
}
