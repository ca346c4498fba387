import type { Member, WorkspaceRole } from "~/api/types";
import { Avatar } from "~/ui/Avatar";
import { IconButton } from "~/ui/Button";
import styles from "./People.module.css";
import { roleName, rolesToGive } from "./roles";

interface PersonRowProps {
  member: Member;
  /** What whoever looks is. */
  own: WorkspaceRole;
  isSelf: boolean;
  busy: boolean;
  onRole: (role: WorkspaceRole) => void;
  onRemove: () => void;
  onReset: () => void;
}

/** One person; with what can be done, if whoever looks may do it. Nobody takes their own role here by a slip of the thumb. */
export function PersonRow({ member, own, isSelf, busy, onRole, onRemove, onReset }: PersonRowProps) {
  const roles = isSelf ? [] : rolesToGive(own, member.role);
  return (
    <li className={styles.person}>
      <span aria-hidden="true">
        <Avatar userId={member.id} name={member.name} />
      </span>
      <span className={styles.name}>
        {member.name}
        {isSelf ? " (you)" : ""}
      </span>
      {roles.length === 0 ? (
        <span className={styles.role}>{roleName(member.role)}</span>
      ) : (
        <>
          <select
            className={styles.roles}
            aria-label={`What ${member.name} is`}
            value={member.role}
            disabled={busy}
            onChange={(event) => onRole(event.currentTarget.value as WorkspaceRole)}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {roleName(role)}
              </option>
            ))}
          </select>
          <IconButton icon="key" label={`A new password for ${member.name}`} onClick={onReset} />
          <IconButton icon="close" label={`Remove ${member.name}`} onClick={onRemove} />
        </>
      )}
    </li>
  );
}
