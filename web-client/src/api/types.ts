import type { components } from "./schema";

type Schemas = components["schemas"];

export type Session = Schemas["Session"];
export type DocumentEntry = Schemas["Document"];
export type DocumentKind = Schemas["DocumentKind"];
export type Device = Schemas["Device"];
export type Invitation = Schemas["Invitation"];
export type InvitationLink = Schemas["InvitationLink"];
export type Member = Schemas["Member"];
export type WorkspaceRole = Schemas["WorkspaceRole"];
export type PasswordResetLink = Schemas["PasswordResetLink"];
export type NewAccount = Schemas["NewAccount"];
export type PasswordReset = Schemas["PasswordReset"];
export type Role = Schemas["Role"];
export type Sharing = Schemas["Sharing"];
export type Visibility = Schemas["Visibility"];
export type DocumentRole = Schemas["DocumentRole"];
export type Group = Schemas["Group"];
export type OpenInvitation = Schemas["OpenInvitation"];
export type OwnWorkspace = Schemas["OwnWorkspace"];
