import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { api, Refusal } from "~/api/client";
import { signedIn } from "~/api/sessionStore";
import type { Invitation } from "~/api/types";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";
import { TextField } from "~/ui/TextField";
import { Door } from "./Door";
import styles from "./Door.module.css";
import { useSubmit } from "./useSubmit";

const SHORTEST_PASSWORD = 10;

/** Behind an invitation link: the first account of a server, or one more in a workspace. */
export function Join({ secret }: { secret: string }) {
  const { data, error, refetch } = useQuery({
    queryKey: ["invitation", secret],
    queryFn: () => api.invitation(secret),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [, navigate] = useLocation();
  if (data !== undefined) return <JoinForm secret={secret} invitation={data} />;
  if (error instanceof Refusal && error.status === 404) {
    return (
      <Door
        title="This link doesn’t work any more"
        intro={<p>It was used, or it is too old. Ask for a new one.</p>}
      >
        <Button onClick={() => navigate("/")}>Go to sign-in</Button>
      </Door>
    );
  }
  return (
    <Door title="Welcome">
      {error === null ? (
        <p>Looking up your invitation…</p>
      ) : (
        <Notice
          tone="alert"
          title={error.message}
          actions={<Button onClick={() => void refetch()}>Try again</Button>}
        />
      )}
    </Door>
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
        <TextField
          label="Password"
          hint={`At least ${SHORTEST_PASSWORD} characters. A few words are fine.`}
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={SHORTEST_PASSWORD}
          maxLength={200}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {problem === null ? null : (
          <p className={styles.problem} role="alert">
            {problem}
          </p>
        )}
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
