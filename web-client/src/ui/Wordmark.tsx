import styles from "./Wordmark.module.css";

/** A pocket notebook with its elastic band, and the name. */
export function Wordmark({ size = "m" }: { size?: "m" | "l" }) {
  return (
    <span className={`${styles.wordmark} ${size === "l" ? styles.large : ""}`}>
      <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false" className={styles.mark}>
        <rect className={styles.cover} x="5" y="2.5" width="22" height="27" rx="4.5" />
        <path className={styles.lines} d="M9.5 10.5h6M9.5 15.5h6M9.5 20.5h3.5" />
        <rect className={styles.band} x="19.6" y="2.5" width="2.8" height="27" />
      </svg>
      <span className={styles.name}>Fieldbook</span>
    </span>
  );
}
