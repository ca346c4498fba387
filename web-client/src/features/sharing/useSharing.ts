import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, Refusal } from "~/api/client";
import {
  changeDone,
  type Directory,
  ownRoleIn,
  type Self,
  type SharingChange,
  type SharingFacts,
  whatIsLost,
} from "~/model/sharing";
import type { Shelf } from "~/model/shelf";
import type { Role } from "~/model/status";

/** How often it is asked for again while the dialog is open: others may share, too. */
const REFETCH_MS = 10_000;

/** What the dialog is about. */
export interface SharingPlace {
  documentId: string;
  facts: SharingFacts;
  self: Self;
  mayChange: boolean;
  shelf: Shelf;
  /** Says in passing what was done. */
  say: (text: string) => void;
}

/** Who may do what with a document; asked for again whenever one's own role changes. */
export function useSharing(documentId: string, userId: string, role: Role | null) {
  return useQuery({
    queryKey: ["sharing", documentId, userId, role],
    queryFn: () => load(documentId, userId),
    placeholderData: keepPreviousData,
    refetchInterval: REFETCH_MS,
  });
}

async function load(documentId: string, userId: string): Promise<Omit<SharingPlace, "say">> {
  const [sharing, entry, workspaces] = await Promise.all([
    api.sharing(documentId),
    api.document(documentId),
    api.workspaces(),
  ]);
  const workspace = workspaces.find(({ id }) => id === sharing.workspace);
  const self: Self = { id: userId, workspaceRole: workspace?.role ?? "guest" };
  const directory = self.workspaceRole === "guest" ? null : await loadDirectory(sharing.workspace);
  const facts: SharingFacts = { ...sharing, workspaceName: workspace?.name ?? "the workspace", directory };
  const shelf: Shelf = entry.trashedAt != null ? "trash" : entry.archivedAt != null ? "archive" : "current";
  // The server's word on one's own role is what the document allows as it is: an archived one may only be read, and yet shared.
  const isOwner = sharing.ownRole === "owner" || ownRoleIn(facts, self) === "owner";
  return { documentId, facts, self, shelf, mayChange: isOwner && shelf !== "trash" };
}

/** Null if whoever asks came with a credential that does not let them see the people. */
async function loadDirectory(workspace: string): Promise<Directory | null> {
  try {
    const [members, groups] = await Promise.all([api.members(workspace), api.groups(workspace)]);
    return { members, groups };
  } catch (error) {
    if (error instanceof Refusal && error.status === 403) return null;
    throw error;
  }
}

/** A change that waits for a second word, is under way, or has failed; each place of the dialog has its own. */
export interface ChangeState {
  /** Asks first if they would lose something by it. */
  attempt: (change: SharingChange) => void;
  /** What they would lose; null if nothing is asked. */
  warning: string | null;
  goOn: () => void;
  leaveIt: () => void;
  /** What is being changed, to show it before the server has answered. */
  pending: SharingChange | null;
  problem: string | null;
}

export function useSharingChange(place: SharingPlace, onDone?: (change: SharingChange) => void): ChangeState {
  const { documentId, facts, self, say } = place;
  const client = useQueryClient();
  const [asked, setAsked] = useState<{ change: SharingChange; warning: string } | null>(null);
  // Not the mutation's own state, which follows a moment later: a choice must not spring back in between.
  const [sent, setSent] = useState<SharingChange | null>(null);
  const mutation = useMutation({
    mutationFn: (change: SharingChange) => send(documentId, change),
    onSuccess: (_, change) => {
      say(changeDone(change, facts.workspaceName));
      onDone?.(change);
    },
    onSettled: async () => {
      await client.invalidateQueries({ queryKey: ["sharing", documentId] });
      setSent(null);
    },
  });
  const run = (change: SharingChange) => {
    setAsked(null);
    setSent(change);
    say("");
    mutation.mutate(change);
  };
  return {
    attempt: (change) => {
      const warning = whatIsLost(facts, change, self);
      if (warning === null) return run(change);
      mutation.reset();
      setAsked({ change, warning });
    },
    warning: asked?.warning ?? null,
    goOn: () => asked !== null && run(asked.change),
    leaveIt: () => setAsked(null),
    pending: sent ?? asked?.change ?? null,
    problem: mutation.error?.message ?? null,
  };
}

function send(documentId: string, change: SharingChange): Promise<void> {
  if (change.kind === "visibility") return api.setVisibility(documentId, change.visibility);
  const { kind, id, role } = change;
  if (kind === "person") {
    return role === null ? api.withdrawFromPerson(documentId, id) : api.grantToPerson(documentId, id, role);
  }
  return role === null ? api.withdrawFromGroup(documentId, id) : api.grantToGroup(documentId, id, role);
}
