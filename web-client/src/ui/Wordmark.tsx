import styles from "./Wordmark.module.css";

/** A pocket notebook with its elastic band, and the name. */
export function Wordmark({ size = "m" }: { size?: "m" | "l" }) {
  return (
    <span className={`${styles.wordmark} ${size === "l" ? styles.large : ""}`}>
      <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false" className={styles.mark}>
        <rect className={styles.cover} x="5" y="2.5" width="22" height="27" rx="4.5" />
        <path className={styles.lines} d="M10 10.5h7M10 15.5h7M10 20.5h4" />
        <rect className={styles.band} x="21" y="2.5" width="2.6" height="27" />
      </svg>
      <span className={styles.name}>Fieldbook</span>
    </span>
  );
}
