import { useState } from "react";
import { useLocation } from "wouter";
import { api } from "~/api/client";
import { signedIn } from "~/api/sessionStore";
import type { Invitation } from "~/api/types";
import { Button } from "~/ui/Button";
import { NewPasswordField } from "~/ui/NewPasswordField";
import { Problem } from "~/ui/Problem";
import { TextField } from "~/ui/TextField";
import { useSubmit } from "~/ui/useSubmit";
import { Door } from "./Door";
import { LinkDoor } from "./LinkDoor";

/** Behind an invitation link: the first account of a server, or one more in a workspace. */
export function Join({ secret }: { secret: string }) {
  return (
    <LinkDoor kind="invitation" secret={secret} find={api.invitation}>
      {(invitation) => <JoinForm secret={secret} invitation={invitation} />}
    </LinkDoor>
  );
}

function JoinForm({ secret, invitation }: { secret: string; invitation: Invitation }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [workspaceName, setWorkspaceName] = useState("");
  const [, navigate] = useLocation();
  const { busy, problem, onSubmit } = useSubmit(async () => {
    const body = { name: name.trim(), password };
    const session = await api.acceptInvitation(
      secret,
      invitation.setup ? { ...body, workspaceName: workspaceName.trim() } : body,
    );
    navigate("/", { replace: true });
    signedIn(session);
  });
  return (
    <Door
      title={invitation.setup ? "Set up Fieldbook" : "Join the workspace"}
      intro={<Intro invitation={invitation} />}
    >
      <form onSubmit={onSubmit}>
        {invitation.setup ? (
          <TextField
            label="Workspace name"
            hint="Your company or team."
            required
            maxLength={64}
            value={workspaceName}
            onChange={(event) => setWorkspaceName(event.target.value)}
          />
        ) : null}
        <TextField
          label="Your name"
          hint="Others see it beside your cursor. You sign in with it."
          name="username"
          autoComplete="username"
          autoCapitalize="words"
          required
          maxLength={64}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <NewPasswordField label="Password" value={password} onChange={setPassword} />
        <Problem text={problem} />
        <Button look="primary" type="submit" disabled={busy}>
          {invitation.setup ? "Create workspace" : "Join"}
        </Button>
      </form>
    </Door>
  );
}

function Intro({ invitation }: { invitation: Invitation }) {
  if (invitation.setup) return <p>You are the first one here, and will own this workspace.</p>;
  const can = invitation.role === "viewer" ? "read what is shared with you" : "read and write its documents";
  return (
    <p>
      You are invited to <strong>{invitation.workspace.name}</strong>. You can {can}.
    </p>
  );
}
