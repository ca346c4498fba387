import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api } from "~/api/client";
import type { Device } from "~/api/types";
import { browserName } from "~/model/browser";
import { whenText } from "~/model/time";
import { Button } from "~/ui/Button";
import { Problem } from "~/ui/Problem";
import styles from "./Account.module.css";

export const DEVICES_KEY = ["devices"];

/** The browsers in which one is signed in, and the end of that for any but this one. */
export function Devices() {
  const { data, error, isPending } = useQuery({ queryKey: DEVICES_KEY, queryFn: api.devices });
  const client = useQueryClient();
  const end = useMutation({
    mutationFn: async (devices: Device[]) => {
      for (const { id } of devices) await api.endDevice(id);
    },
    onSettled: () => client.invalidateQueries({ queryKey: DEVICES_KEY }),
  });
  const others = data?.filter(({ isCurrent }) => !isCurrent) ?? [];
  return (
    <>
      <Problem text={(end.error ?? error)?.message} />
      {isPending ? <p>Loading…</p> : null}
      <ul className={styles.devices}>
        {data?.map((device) => (
          <DeviceRow
            key={device.id}
            device={device}
            busy={end.isPending}
            onEnd={() => end.mutate([device])}
          />
        ))}
      </ul>
      {others.length > 1 ? (
        <Button disabled={end.isPending} onClick={() => end.mutate(others)}>
          Sign out everywhere else
        </Button>
      ) : null}
    </>
  );
}

function DeviceRow({ device, busy, onEnd }: { device: Device; busy: boolean; onEnd: () => void }) {
  const name = browserName(device.userAgent);
  return (
    <li className={styles.device}>
      <span className={styles.what}>
        <strong>{name}</strong>
        <span className={styles.facts}>
          {device.isCurrent ? "This browser" : `Last seen ${whenText(device.seenAt, Date.now())}`}
        </span>
      </span>
      {device.isCurrent ? null : (
        <Button disabled={busy} aria-label={`Sign out ${name}`} onClick={onEnd}>
          Sign out
        </Button>
      )}
    </li>
  );
}
