import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";
import styles from "./Notice.module.css";

interface NoticeProps {
  icon?: IconName;
  tone?: "calm" | "waiting" | "alert";
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}

/** Something that is so, and what to do about it. */
export function Notice({ icon, tone = "calm", title, children, actions }: NoticeProps) {
  return (
    <section className={`${styles.notice} ${styles[tone]}`} role={tone === "alert" ? "alert" : undefined}>
      {icon === undefined ? null : <Icon name={icon} size={24} />}
      <div className={styles.words}>
        <p className={styles.title}>{title}</p>
        {children}
        {actions === undefined ? null : <div className={styles.actions}>{actions}</div>}
      </div>
    </section>
  );
}
