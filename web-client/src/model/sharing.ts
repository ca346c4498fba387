import type { Shelf } from "./shelf";
import type { Role } from "./status";

export type Visibility = "workspace" | "private";

/** What somebody is in a workspace. */
export type WorkspaceRole = "guest" | "member" | "admin" | "owner";

/** A person or a group that was granted a role by name. */
export interface Grant {
  id: string;
  name: string;
  role: Role;
}

/** Who may do what with a document, and whom its workspace has. */
export interface SharingFacts {
  workspaceName: string;
  visibility: Visibility;
  /** What members of the workspace may do without a grant, if it sees the document. */
  defaultRole: Role;
  people: readonly Grant[];
  groups: readonly Grant[];
  /** Null for guests: they do not see who else is in the workspace. */
  directory: Directory | null;
}

export interface Directory {
  members: readonly { id: string; name: string; role: WorkspaceRole }[];
  groups: readonly { id: string; name: string; members: readonly string[] }[];
}

export interface Self {
  id: string;
  workspaceRole: WorkspaceRole;
}

export type SharingChange =
  | { kind: "visibility"; visibility: Visibility }
  | { kind: "person" | "group"; id: string; name: string; role: Role | null };

/** The greatest first. */
export const DOCUMENT_ROLES: readonly Role[] = ["owner", "editor", "commenter", "viewer"];

export const ROLE_NAMES: Record<Role, string> = {
  owner: "Owner",
  editor: "Editor",
  commenter: "Commenter",
  viewer: "Viewer",
};

const ABILITIES: Record<Exclude<Role, "owner">, string> = {
  editor: "edit",
  commenter: "comment",
  viewer: "view",
};

/** Beyond this many names the rest is a number. */
const NAMES_SAID = 4;

/** Who can see a document, in plain words. */
export function whoSees(facts: SharingFacts, self: Self): string {
  const everyone = facts.visibility === "workspace";
  const sentences = [
    everyone
      ? `Everyone in ${facts.workspaceName} ${can(facts.defaultRole, true, false)}.`
      : "Only those named here can see it.",
  ];
  for (const role of DOCUMENT_ROLES) {
    const { usual, less, guests } = namesWith(role, facts, self);
    if (usual.length > 0) sentences.push(sentence("", usual, role, false));
    if (less.length > 0) sentences.push(sentence("", less, role, true));
    if (guests.length > 0) sentences.push(sentence("Also ", guests, role, false));
  }
  return sentences.join(" ");
}

/** Before that is said: that it does not hold until the document is in use again. */
export function untilRestored(shelf: Shelf): string | null {
  if (shelf === "current") return null;
  return shelf === "trash"
    ? "This document is in the trash, where only its owners see it. Once it is restored:"
    : "This document is archived, and can only be read. Once it is restored:";
}

/** What everyone in the workspace gets by seeing the document. */
export function whatMembersGet({ workspaceName, defaultRole }: SharingFacts): string {
  return `Members ${can(defaultRole, false, false)}. Admins and owners of ${workspaceName} own it. Guests see it only if named.`;
}

/** The role that somebody has: by name, else the greatest of their groups', else what the workspace gives. */
export function ownRoleIn(facts: SharingFacts, self: Self): Role | null {
  const byName = facts.people.find(({ id }) => id === self.id);
  if (byName !== undefined) return byName.role;
  const own = facts.directory?.groups.filter(({ members }) => members.includes(self.id)) ?? [];
  const byGroup = facts.groups.filter(({ id }) => own.some((group) => group.id === id));
  const greatest = DOCUMENT_ROLES.find((role) => byGroup.some((grant) => grant.role === role));
  if (greatest !== undefined) return greatest;
  if (facts.visibility === "private" || self.workspaceRole === "guest") return null;
  return self.workspaceRole === "member" ? facts.defaultRole : "owner";
}

/** What an owner would lose by a change that they are about to make; null if they stay an owner. */
export function whatIsLost(facts: SharingFacts, change: SharingChange, self: Self): string | null {
  if (ownRoleIn(facts, self) !== "owner") return null;
  const role = ownRoleIn(withChange(facts, change), self);
  if (role === "owner") return null;
  return role === null
    ? "You would not see this document any more."
    : `You could only ${ABILITIES[role]} afterwards, and not change this back.`;
}

/** What was changed, said when it is done. */
export function changeDone(change: SharingChange, workspaceName: string): string {
  if (change.kind === "visibility") {
    return change.visibility === "workspace"
      ? `Everyone in ${workspaceName} can see it now.`
      : "Only those named here can see it now.";
  }
  if (change.role === null) return `${change.name} is not named here any more.`;
  return `${change.name} is ${/^[eo]/.test(change.role) ? "an" : "a"} ${change.role} now.`;
}

/** Several names as one would say them: "Ann, Ben and Cleo". */
export function spoken(names: readonly string[]): string {
  const said = names.length > NAMES_SAID ? names.slice(0, NAMES_SAID - 1) : names;
  const rest = names.length - said.length;
  const all = rest > 0 ? [...said, `${rest} more`] : said;
  return new Intl.ListFormat("en-GB", { type: "conjunction" }).format(all);
}

function withChange(facts: SharingFacts, change: SharingChange): SharingFacts {
  if (change.kind === "visibility") return { ...facts, visibility: change.visibility };
  const { id, name, role } = change;
  const changed = (grants: readonly Grant[]) => {
    const others = grants.filter((grant) => grant.id !== id);
    return role === null ? others : [...others, { id, name, role }];
  };
  return change.kind === "person"
    ? { ...facts, people: changed(facts.people) }
    : { ...facts, groups: changed(facts.groups) };
}

/** Who has a role by name: more than everyone has, less than that, or as guests, whom "everyone" leaves out. */
function namesWith(role: Role, facts: SharingFacts, self: Self) {
  const names: Record<"usual" | "less" | "guests", string[]> = { usual: [], less: [], guests: [] };
  const everyone = facts.visibility === "workspace";
  const more = DOCUMENT_ROLES.indexOf(role) - DOCUMENT_ROLES.indexOf(facts.defaultRole);
  const place = everyone && more > 0 ? "less" : "usual";
  const isSaid = !everyone || more !== 0;
  for (const grant of facts.people.filter((person) => person.role === role)) {
    const name = grant.id === self.id ? "you" : grant.name;
    if (isGuest(grant.id, facts, self)) names[everyone ? "guests" : "usual"].push(`${name} (guest)`);
    else if (isSaid || isInLesserGroup(grant.id, facts)) names[place].push(name);
  }
  for (const grant of facts.groups.filter((group) => group.role === role)) {
    if (isSaid) names[place].push(`the group ${grant.name}`);
  }
  return names;
}

/** Who is named with what everyone has may be named for this: their group has less. */
function isInLesserGroup(id: string, { groups, directory, defaultRole }: SharingFacts): boolean {
  const lesser = groups.filter(
    ({ role }) => DOCUMENT_ROLES.indexOf(role) > DOCUMENT_ROLES.indexOf(defaultRole),
  );
  return lesser.some((grant) => {
    return directory?.groups.find((group) => group.id === grant.id)?.members.includes(id) ?? false;
  });
}

export function isGuest(id: string, { directory }: SharingFacts, self: Self): boolean {
  if (id === self.id) return self.workspaceRole === "guest";
  return directory?.members.some((member) => member.id === id && member.role === "guest") ?? false;
}

function sentence(start: string, names: readonly string[], role: Role, only: boolean): string {
  const isOne = names.length === 1 && !/^you( \(guest\))?$/.test(names[0] ?? "");
  const text = `${start}${spoken(names)} ${can(role, isOne, only)}.`;
  return text.charAt(0).toLocaleUpperCase("en") + text.slice(1);
}

function can(role: Role, isOne: boolean, only: boolean): string {
  if (role === "owner") return isOne ? "owns it" : "own it";
  return `can ${only ? "only " : ""}${ABILITIES[role]}`;
}
