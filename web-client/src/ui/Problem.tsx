import styles from "./Problem.module.css";

/** What went wrong, heard at once; nothing if nothing did. */
export function Problem({ text }: { text: string | null | undefined }) {
  if (text === null || text === undefined) return null;
  return (
    <p className={styles.problem} role="alert">
      {text}
    </p>
  );
}
