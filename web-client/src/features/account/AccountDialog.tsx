import type { Session } from "~/api/types";
import { Dialog } from "~/ui/Dialog";
import styles from "./Account.module.css";
import { Devices } from "./Devices";
import { PasswordForm } from "./PasswordForm";

/** Where one is signed in, and one's password. */
export function AccountDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  return (
    <Dialog title={session.user.name} onClose={onClose}>
      <section className={styles.section} aria-labelledby="devices">
        <h3 id="devices">Where you are signed in</h3>
        <Devices />
      </section>
      <section className={styles.section} aria-labelledby="password">
        <h3 id="password">Password</h3>
        <PasswordForm name={session.user.name} />
      </section>
    </Dialog>
  );
}
