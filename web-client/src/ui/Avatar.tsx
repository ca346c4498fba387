import { initials, personColour } from "~/model/person";
import styles from "./Avatar.module.css";

interface AvatarProps {
  userId: string;
  name: string;
  look?: "here" | "idle" | "reconnecting";
  /** What is heard and shown on hovering; the name if left out. */
  label?: string;
}

export function Avatar({ userId, name, look = "here", label = name }: AvatarProps) {
  return (
    <span
      className={`${styles.avatar} ${styles[look] ?? ""}`}
      data-person={personColour(userId)}
      role="img"
      aria-label={label}
      title={label}
      // Drawn, not said: the letters stand for a name that is said in full.
      data-initials={initials(name)}
    />
  );
}
