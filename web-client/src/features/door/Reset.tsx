import { useState } from "react";
import { useLocation } from "wouter";
import { api } from "~/api/client";
import { signedIn } from "~/api/sessionStore";
import { Button } from "~/ui/Button";
import { NewPasswordField } from "~/ui/NewPasswordField";
import { Problem } from "~/ui/Problem";
import { useSubmit } from "~/ui/useSubmit";
import { Door } from "./Door";
import { LinkDoor } from "./LinkDoor";

/** Behind the link for whoever forgot their password. */
export function Reset({ secret }: { secret: string }) {
  return (
    <LinkDoor kind="passwordReset" secret={secret} find={api.passwordReset}>
      {({ name }) => <ResetForm secret={secret} name={name} />}
    </LinkDoor>
  );
}

function ResetForm({ secret, name }: { secret: string; name: string }) {
  const [password, setPassword] = useState("");
  const [, navigate] = useLocation();
  const { busy, problem, onSubmit } = useSubmit(async () => {
    const session = await api.resetPassword(secret, password);
    navigate("/", { replace: true });
    signedIn(session);
  });
  return (
    <Door
      title="Choose a new password"
      intro={
        <p>
          For <strong>{name}</strong>. It signs you out everywhere else.
        </p>
      }
    >
      <form onSubmit={onSubmit}>
        {/* Password managers file the new password under this name. */}
        <input type="text" name="username" autoComplete="username" value={name} readOnly hidden />
        <NewPasswordField label="New password" value={password} onChange={setPassword} />
        <Problem text={problem} />
        <Button look="primary" type="submit" disabled={busy}>
          Save and sign in
        </Button>
      </form>
    </Door>
  );
}
