import { useId } from "react";
import { DOCUMENT_ROLES, type Grant, isGuest, ROLE_NAMES } from "~/model/sharing";
import { Avatar } from "~/ui/Avatar";
import { IconButton } from "~/ui/Button";
import { Icon } from "~/ui/Icon";
import { Select } from "~/ui/Select";
import { ChangeNote } from "./ChangeNote";
import styles from "./Sharing.module.css";
import { type SharingPlace, useSharingChange } from "./useSharing";

export const ROLE_OPTIONS = DOCUMENT_ROLES.map((value) => ({ value, name: ROLE_NAMES[value] }));

interface GrantRowProps {
  place: SharingPlace;
  kind: "person" | "group";
  grant: Grant;
  onRemoved: () => void;
}

/** A person or a group by name, what they may do, and a way to change that. */
export function GrantRow({ place, kind, grant, onRemoved }: GrantRowProps) {
  const { id, name } = grant;
  const noteId = useId();
  const change = useSharingChange(place, (done) => {
    if (done.kind !== "visibility" && done.role === null) onRemoved();
  });
  const pendingRole = change.pending?.kind === kind ? change.pending.role : null;
  return (
    <li className={styles.grant}>
      {kind === "person" ? (
        <Avatar userId={id} name={name} />
      ) : (
        <span className={styles.groupIcon}>
          <Icon name="people" />
        </span>
      )}
      <div className={styles.who}>
        <p className={styles.name}>{name}</p>
        {factsOf(place, kind, id)}
      </div>
      {place.mayChange ? (
        <div className={styles.controls}>
          <Select
            label={`Role of ${name}`}
            value={pendingRole ?? grant.role}
            options={ROLE_OPTIONS}
            describedBy={change.problem === null ? undefined : noteId}
            onChange={(role) => change.attempt({ kind, id, name, role })}
          />
          <IconButton
            icon="close"
            label={`Remove ${name}`}
            onClick={() => change.attempt({ kind, id, name, role: null })}
          />
        </div>
      ) : (
        <span className={styles.role}>{ROLE_NAMES[grant.role]}</span>
      )}
      <ChangeNote change={change} id={noteId} />
    </li>
  );
}

function factsOf({ facts, self }: SharingPlace, kind: GrantRowProps["kind"], id: string) {
  const words: string[] = [];
  if (kind === "group") {
    const size = facts.directory?.groups.find((group) => group.id === id)?.members.length;
    words.push(size === undefined ? "Group" : `Group of ${size}`);
  } else {
    if (id === self.id) words.push("You");
    if (isGuest(id, facts, self)) words.push("Guest");
  }
  return words.length === 0 ? null : <p className={styles.facts}>{words.join(" · ")}</p>;
}
