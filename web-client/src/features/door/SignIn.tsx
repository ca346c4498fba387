import { useState } from "react";
import { api, Refusal } from "~/api/client";
import { signedIn } from "~/api/sessionStore";
import { Button } from "~/ui/Button";
import { Problem } from "~/ui/Problem";
import { TextField } from "~/ui/TextField";
import { useSubmit } from "~/ui/useSubmit";
import { Door } from "./Door";
import styles from "./Door.module.css";

interface SignInProps {
  reason: "never" | "expired" | "left";
  lastName: string;
}

export function SignIn({ reason, lastName }: SignInProps) {
  const [name, setName] = useState(lastName);
  const [password, setPassword] = useState("");
  const { busy, problem, onSubmit } = useSubmit(async () => {
    try {
      signedIn(await api.signIn(name.trim(), password));
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) throw new Error("Name or password is wrong.");
      throw error;
    }
  });
  return (
    <Door
      title={reason === "expired" ? "Sign in again" : "Sign in"}
      intro={
        reason === "expired" ? <p>You were signed out. Your work is still on this device.</p> : undefined
      }
    >
      <form onSubmit={onSubmit}>
        <TextField
          label="Name"
          name="username"
          autoComplete="username"
          autoCapitalize="words"
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={200}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <Problem text={problem} />
        <Button look="primary" type="submit" disabled={busy}>
          {busy ? "Signing in…" : "Sign in"}
        </Button>
      </form>
      {reason === "never" ? (
        <p className={styles.intro}>
          No account yet? Ask the owner of your workspace for an invitation link.
        </p>
      ) : null}
      <p className={styles.intro}>Forgot your password? An admin of your workspace can make you a link.</p>
    </Door>
  );
}
