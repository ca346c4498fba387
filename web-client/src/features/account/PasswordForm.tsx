import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "~/api/client";
import { Button } from "~/ui/Button";
import { NewPasswordField } from "~/ui/NewPasswordField";
import { Problem } from "~/ui/Problem";
import { TextField } from "~/ui/TextField";
import { useSubmit } from "~/ui/useSubmit";
import styles from "./Account.module.css";
import { DEVICES_KEY } from "./Devices";

/** Another password for oneself, by the one before. */
export function PasswordForm({ name }: { name: string }) {
  const [before, setBefore] = useState("");
  const [after, setAfter] = useState("");
  const [isChanged, setIsChanged] = useState(false);
  const client = useQueryClient();
  const { busy, problem, onSubmit } = useSubmit(async () => {
    setIsChanged(false);
    await api.changePassword(before, after);
    setBefore("");
    setAfter("");
    setIsChanged(true);
    await client.invalidateQueries({ queryKey: DEVICES_KEY });
  });
  return (
    <form className={styles.form} onSubmit={onSubmit}>
      {/* Password managers file the new password under this name. */}
      <input type="text" name="username" autoComplete="username" value={name} readOnly hidden />
      <TextField
        label="Password of today"
        name="current-password"
        type="password"
        autoComplete="current-password"
        required
        maxLength={200}
        value={before}
        onChange={(event) => setBefore(event.target.value)}
      />
      <NewPasswordField label="New password" value={after} onChange={setAfter} />
      <Problem text={problem} />
      <p role="status" className={styles.facts}>
        {isChanged ? "Changed. You are signed out everywhere else." : null}
      </p>
      <Button look="primary" type="submit" disabled={busy}>
        Change password
      </Button>
    </form>
  );
}
