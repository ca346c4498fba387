import type { ReactNode } from "react";
import { Wordmark } from "~/ui/Wordmark";
import styles from "./Door.module.css";

interface DoorProps {
  title: string;
  intro?: ReactNode;
  children: ReactNode;
}

/** The cover of the notebook: what whoever is not signed in sees. */
export function Door({ title, intro, children }: DoorProps) {
  return (
    <div className={styles.door}>
      <header className={styles.cover}>
        <Wordmark size="l" />
        <p className={styles.promise}>
          Plans, notes and agendas your team writes together. In the office, in a taxi, in a tunnel.
        </p>
      </header>
      <main id="main" className={styles.page}>
        <div className={styles.form}>
          <h1>{title}</h1>
          {intro === undefined ? null : <div className={styles.intro}>{intro}</div>}
          {children}
        </div>
      </main>
    </div>
  );
}
