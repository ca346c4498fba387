import { useEffect, useState } from "react";
import type { Status, StatusTone } from "~/model/status";
import { Icon, type IconName } from "./Icon";
import styles from "./StatusLine.module.css";

/** How long a status must last before a screen reader hears of it. */
const SETTLED_MS = 1_500;

/** Whether one's work is safe, in words. */
export function StatusLine({ status }: { status: Status }) {
  return (
    <div className={`${styles.status} ${styles[status.tone]}`}>
      <Icon name={iconOf(status)} size={18} />
      <span className={styles.text} aria-hidden="true" title={status.text}>
        {status.text}
      </span>
      {/* Read on demand this says everything; announced is only what changed for good. */}
      <span className="visually-hidden">Status: {status.text}</span>
      <span className="visually-hidden" role="status">
        {useSettled(status.announcement)}
      </span>
    </div>
  );
}

function iconOf(status: Status): IconName {
  if (status.text.startsWith("Read only")) return "eye";
  if (status.text.startsWith("Offline")) return "offline";
  const icons: Record<StatusTone, IconName> = {
    calm: "check",
    busy: "dots",
    waiting: "wait",
    alert: "alert",
  };
  return icons[status.tone];
}

function useSettled(text: string | null): string {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    if (text === null || text === settled) return;
    const timer = setTimeout(() => setSettled(text), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text, settled]);
  return settled;
}
