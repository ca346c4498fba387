import type { Member, WorkspaceRole } from "~/api/types";

/** What people can be in a workspace, the least first. */
export const WORKSPACE_ROLES: { role: WorkspaceRole; name: string; can: string }[] = [
  { role: "guest", name: "Guest", can: "Sees what is shared with them by name." },
  { role: "member", name: "Member", can: "Works with what the workspace shares, and makes documents." },
  { role: "admin", name: "Admin", can: "Also invites people and looks after them." },
  { role: "owner", name: "Owner", can: "Also looks after admins and owners, and reads the audit log." },
];

const rank = (role: WorkspaceRole) => WORKSPACE_ROLES.findIndex((known) => known.role === role);

export function roleName(role: WorkspaceRole): string {
  return WORKSPACE_ROLES[rank(role)]?.name ?? role;
}

/** What somebody may make of another: nothing at all, or up to what they are themselves. The server decides; this saves asking in vain. */
export function rolesToGive(own: WorkspaceRole, other: WorkspaceRole): WorkspaceRole[] {
  if (rank(own) < rank("admin") || rank(other) > rank(own)) return [];
  return WORKSPACE_ROLES.slice(0, rank(own) + 1).map(({ role }) => role);
}

/** Owners first, each kind by name. */
export function inOrder(members: Member[]): Member[] {
  return Array.from(members).sort(
    (a, b) => rank(b.role) - rank(a.role) || a.name.localeCompare(b.name, "en", { sensitivity: "base" }),
  );
}
