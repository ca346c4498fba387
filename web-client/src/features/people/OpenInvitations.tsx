import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "~/api/client";
import type { WorkspaceRole } from "~/api/types";
import { dayText } from "~/model/time";
import { Button } from "~/ui/Button";
import { Problem } from "~/ui/Problem";
import styles from "./People.module.css";
import { roleName, rolesToGive } from "./roles";

/** Invitations that nobody has used yet, for those who may withdraw them. Nothing if there are none. */
export function OpenInvitations({ workspace, own }: { workspace: string; own: WorkspaceRole }) {
  const key = ["invitations", workspace];
  const client = useQueryClient();
  const { data, error } = useQuery({ queryKey: key, queryFn: () => api.openInvitations(workspace) });
  const withdraw = useMutation({
    mutationFn: (id: string) => api.withdrawInvitation(workspace, id),
    onSettled: () => client.invalidateQueries({ queryKey: key }),
  });
  const problem = withdraw.error ?? error;
  if (problem === null && (data === undefined || data.length === 0)) return null;
  return (
    <section aria-labelledby="open-invitations">
      <h3 id="open-invitations" className={styles.heading}>
        Invited, not here yet
      </h3>
      <Problem text={problem?.message} />
      <ul className={styles.people}>
        {data?.map(({ id, role, expiresAt }) => (
          <li key={id} className={styles.person}>
            <span className={styles.name}>
              {roleName(role)} <span className={styles.role}>until {dayText(expiresAt)}</span>
            </span>
            {rolesToGive(own, role).length > 0 ? (
              <Button disabled={withdraw.isPending} onClick={() => withdraw.mutate(id)}>
                Withdraw
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}
