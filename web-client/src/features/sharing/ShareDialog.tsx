import { useRef, useState } from "react";
import { Unreachable } from "~/api/client";
import { spoken, untilRestored, whoSees } from "~/model/sharing";
import type { Role } from "~/model/status";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Notice } from "~/ui/Notice";
import { AddGrant } from "./AddGrant";
import { GrantRow } from "./GrantRow";
import styles from "./Sharing.module.css";
import { type SharingPlace, useSharing } from "./useSharing";
import { VisibilityChoice } from "./VisibilityChoice";

interface ShareDialogProps {
  documentId: string;
  userId: string;
  /** One's own role as the server told it last; when it changes, we look again. */
  role: Role | null;
  onClose: () => void;
}

/** Who can see a document, and, for its owners, a way to change that. */
export function ShareDialog({ documentId, userId, role, onClose }: ShareDialogProps) {
  const { data, error, refetch, isFetching } = useSharing(documentId, userId, role);
  const [said, say] = useState("");
  return (
    <Dialog title="Share" onClose={onClose}>
      {error === null ? null : (
        <Notice
          tone={error instanceof Unreachable ? "waiting" : "alert"}
          icon={error instanceof Unreachable ? "offline" : "alert"}
          title={data === undefined ? "This can’t be shown right now" : "This may not be up to date"}
          actions={
            <Button disabled={isFetching} onClick={() => void refetch()}>
              Try again
            </Button>
          }
        >
          <p>{error.message}</p>
        </Notice>
      )}
      {data === undefined ? (
        <p className={styles.quiet}>{error === null ? "Loading…" : null}</p>
      ) : (
        <Shared place={{ ...data, say }} />
      )}
      <p role="status" className={styles.said}>
        {said}
      </p>
    </Dialog>
  );
}

function Shared({ place }: { place: SharingPlace }) {
  const { facts, self, mayChange } = place;
  const caveat = untilRestored(place.shelf);
  return (
    <>
      {caveat === null ? null : <p className={styles.reason}>{caveat}</p>}
      <p className={styles.sentence}>{whoSees(facts, self)}</p>
      {mayChange ? <VisibilityChoice place={place} /> : <p className={styles.reason}>{whyNot(place)}</p>}
      <Grants place={place} />
      {mayChange && facts.directory !== null ? <AddGrant place={place} /> : null}
      {mayChange && facts.directory === null ? (
        <p className={styles.reason}>
          Guests do not see who is in {facts.workspaceName}, so you can’t add anybody. A member who owns this
          document can.
        </p>
      ) : null}
    </>
  );
}

function Grants({ place }: { place: SharingPlace }) {
  const { people, groups } = place.facts;
  const heading = useRef<HTMLHeadingElement>(null);
  // Who was removed takes the focus along; so it goes to where they stood.
  const onRemoved = () => heading.current?.focus();
  return (
    <section className={styles.named}>
      <h3 ref={heading} tabIndex={-1}>
        Named here
      </h3>
      {people.length + groups.length === 0 ? <p className={styles.quiet}>Nobody yet.</p> : null}
      <ul className={styles.grants}>
        {people.map((grant) => (
          <GrantRow key={grant.id} place={place} kind="person" grant={grant} onRemoved={onRemoved} />
        ))}
        {groups.map((grant) => (
          <GrantRow key={grant.id} place={place} kind="group" grant={grant} onRemoved={onRemoved} />
        ))}
      </ul>
    </section>
  );
}

function whyNot({ facts, shelf }: SharingPlace): string {
  if (shelf === "trash") return "To change this, restore the document first.";
  const owners = facts.people.filter(({ role }) => role === "owner").map(({ name }) => name);
  const admins = facts.visibility === "workspace" ? [`the admins of ${facts.workspaceName}`] : [];
  return `Only owners can change this. Ask ${spoken([...owners, ...admins]).replace(/ and (?!.* and )/, " or ")}.`;
}
