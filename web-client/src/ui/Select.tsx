import type { Ref } from "react";
import { Icon } from "./Icon";
import styles from "./Select.module.css";

interface SelectProps<Value extends string> {
  /** Heard, not shown: what the choice is about must stand beside it. */
  label: string;
  value: Value;
  options: readonly { value: Value; name: string }[];
  onChange: (value: Value) => void;
  describedBy?: string | undefined;
  ref?: Ref<HTMLSelectElement>;
}

/** One of a few words; the browser's own list, so that a phone shows its own. */
export function Select<Value extends string>({
  label,
  value,
  options,
  onChange,
  describedBy,
  ref,
}: SelectProps<Value>) {
  return (
    <span className={styles.place}>
      <select
        ref={ref}
        className={styles.select}
        aria-label={label}
        aria-describedby={describedBy}
        value={value}
        onChange={(event) => {
          const chosen = options.find((option) => option.value === event.target.value);
          if (chosen !== undefined) onChange(chosen.value);
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.name}
          </option>
        ))}
      </select>
      <Icon name="down" size={16} />
    </span>
  );
}
