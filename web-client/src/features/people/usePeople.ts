import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "~/api/client";
import type { WorkspaceRole } from "~/api/types";
import { inOrder } from "./roles";

/** Who is in a workspace. */
export function usePeople(workspace: string) {
  return useQuery({
    queryKey: ["people", workspace],
    queryFn: async () => inOrder(await api.members(workspace)),
  });
}

/** Makes something else of somebody; `null`: removes them. Shown once the server has done it. */
export function useChangePerson(workspace: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ person, role }: { person: string; role: WorkspaceRole | null }) =>
      role === null ? api.removeMember(workspace, person) : api.setMember(workspace, person, role),
    onSettled: () => client.invalidateQueries({ queryKey: ["people", workspace] }),
  });
}
