import { Button } from "~/ui/Button";
import styles from "./Sharing.module.css";
import type { ChangeState } from "./useSharing";

/** Beside what is changed: what they would lose by it, or why it failed. */
export function ChangeNote({ change, id }: { change: ChangeState; id?: string }) {
  if (change.warning !== null) {
    return (
      <div className={styles.warning} role="alert">
        <p>{change.warning}</p>
        <div className={styles.choices}>
          <Button onClick={change.leaveIt}>Leave it as it is</Button>
          <Button onClick={change.goOn}>Change it</Button>
        </div>
      </div>
    );
  }
  if (change.problem === null) return null;
  return (
    <p id={id} className={styles.problem} role="alert">
      {change.problem}
    </p>
  );
}
