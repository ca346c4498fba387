import { TextField } from "./TextField";

const SHORTEST_PASSWORD = 10;

interface NewPasswordFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** Where somebody chooses a password. */
export function NewPasswordField({ label, value, onChange }: NewPasswordFieldProps) {
  return (
    <TextField
      label={label}
      hint={`At least ${SHORTEST_PASSWORD} characters. A few words are fine.`}
      name="password"
      type="password"
      autoComplete="new-password"
      required
      minLength={SHORTEST_PASSWORD}
      maxLength={200}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
