import type { Session } from "~/api/types";
import { Avatar } from "~/ui/Avatar";
import { Menu, MenuItem } from "~/ui/Menu";
import styles from "./AccountMenu.module.css";

interface AccountMenuProps {
  session: Session;
  onInvite: () => void;
  onPeople: () => void;
  onAccount: () => void;
  onSignOut: () => void;
}

export function AccountMenu({ session, onInvite, onPeople, onAccount, onSignOut }: AccountMenuProps) {
  const { user, role, workspace } = session;
  return (
    <Menu
      heading={
        <>
          {user.name}
          <br />
          {workspace?.name} · {role}
        </>
      }
      trigger={
        <button type="button" className={styles.trigger} aria-label={`Account of ${user.name}`}>
          <Avatar userId={user.id} name={user.name} />
        </button>
      }
    >
      {role === "owner" ? (
        <MenuItem icon="invite" onSelect={onInvite}>
          Invite somebody
        </MenuItem>
      ) : null}
      {role === "viewer" || workspace === undefined ? null : (
        <MenuItem icon="people" onSelect={onPeople}>
          People
        </MenuItem>
      )}
      <MenuItem icon="key" onSelect={onAccount}>
        Devices and password
      </MenuItem>
      <MenuItem icon="leave" onSelect={onSignOut}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
