import type { Role } from "~/model/status";

export interface Session {
  user: { id: string; name: string };
  role: Role;
  workspace: { id: string; name: string };
  /** Names the server's store: its acknowledgements mean that a change is durable. */
  storageId: string;
}

export interface DocumentEntry {
  id: string;
  url: string;
  kind: string | null;
  title: string;
  createdBy: string;
  createdAt: number;
  changedAt: number;
  archivedAt: number | null;
}

export interface Invitation {
  workspace: { name: string };
  role: Role;
  /** True for the first account of the server. */
  setup: boolean;
}
