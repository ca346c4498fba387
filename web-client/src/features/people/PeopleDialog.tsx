import { useState } from "react";
import { api } from "~/api/client";
import type { Member, PasswordResetLink, Session } from "~/api/types";
import { Button } from "~/ui/Button";
import { Dialog, DialogActions } from "~/ui/Dialog";
import { LinkToSend } from "~/ui/LinkToSend";
import { Problem } from "~/ui/Problem";
import { OpenInvitations } from "./OpenInvitations";
import styles from "./People.module.css";
import { PersonRow } from "./PersonRow";
import { roleName, rolesToGive } from "./roles";
import { useChangePerson, usePeople } from "./usePeople";

interface PeopleDialogProps {
  session: Session;
  workspace: { id: string; name: string };
  onClose: () => void;
}

type Asked = { what: "list" } | { what: "remove"; member: Member } | { what: "reset"; member: Member };

/** Who is in the workspace, and for those who look after it, what to make of them. */
export function PeopleDialog({ session, workspace, onClose }: PeopleDialogProps) {
  const [asked, setAsked] = useState<Asked>({ what: "list" });
  const back = () => setAsked({ what: "list" });
  switch (asked.what) {
    case "list":
      return <List session={session} workspace={workspace} onAsk={setAsked} onClose={onClose} />;
    case "remove":
      return <Remove workspace={workspace} member={asked.member} onBack={back} />;
    case "reset":
      return <NewPassword workspace={workspace} member={asked.member} onBack={back} />;
  }
}

interface ListProps extends PeopleDialogProps {
  onAsk: (asked: Asked) => void;
}

function List({ session, workspace, onAsk, onClose }: ListProps) {
  const people = usePeople(workspace.id);
  const change = useChangePerson(workspace.id);
  const own = people.data?.find(({ id }) => id === session.user.id)?.role ?? "guest";
  const problem = change.error ?? people.error;
  return (
    <Dialog title={`People in ${workspace.name}`} onClose={onClose}>
      <Problem text={problem?.message} />
      {people.isPending ? <p>Loading…</p> : null}
      <ul className={styles.people}>
        {people.data?.map((member) => (
          <PersonRow
            key={member.id}
            member={member}
            own={own}
            isSelf={member.id === session.user.id}
            busy={change.isPending}
            onRole={(role) => change.mutate({ person: member.id, role })}
            onRemove={() => onAsk({ what: "remove", member })}
            onReset={() => onAsk({ what: "reset", member })}
          />
        ))}
      </ul>
      {rolesToGive(own, "guest").length > 0 ? <OpenInvitations workspace={workspace.id} own={own} /> : null}
    </Dialog>
  );
}

interface AboutOneProps {
  workspace: { id: string; name: string };
  member: Member;
  onBack: () => void;
}

function Remove({ workspace, member, onBack }: AboutOneProps) {
  const change = useChangePerson(workspace.id);
  return (
    <Dialog title={`Remove ${member.name}?`} onClose={onBack}>
      <p>
        {member.name} ({roleName(member.role)}) sees nothing of {workspace.name} from that moment on, and
        loses what was shared with them here. What they wrote stays.
      </p>
      <Problem text={change.error?.message} />
      <DialogActions>
        <Button onClick={onBack}>Keep</Button>
        <Button
          look="primary"
          disabled={change.isPending}
          onClick={() => change.mutate({ person: member.id, role: null }, { onSuccess: onBack })}
        >
          Remove
        </Button>
      </DialogActions>
    </Dialog>
  );
}

function NewPassword({ workspace, member, onBack }: AboutOneProps) {
  const [link, setLink] = useState<PasswordResetLink | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const make = () => {
    setProblem(null);
    api.makePasswordReset(workspace.id, member.id).then(setLink, (error: unknown) => {
      setProblem(error instanceof Error ? error.message : "That did not work. Try again.");
    });
  };
  return (
    <Dialog title={`A new password for ${member.name}`} onClose={onBack}>
      {link === null ? (
        <>
          <p>
            Whoever has the link can sign in as {member.name}: make sure that it is they who ask. When they
            use it, they are signed out everywhere else.
          </p>
          <Problem text={problem} />
          <DialogActions>
            <Button onClick={onBack}>Back</Button>
            <Button look="primary" onClick={make}>
              Make a link
            </Button>
          </DialogActions>
        </>
      ) : (
        <LinkToSend label="Link for a new password" url={link.url} expiresAt={link.expiresAt}>
          Only the newest link for {member.name} works.
        </LinkToSend>
      )}
    </Dialog>
  );
}
