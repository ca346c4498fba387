import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import { Refusal } from "~/api/client";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";
import { Door } from "./Door";

interface LinkDoorProps<T> {
  kind: string;
  secret: string;
  find: (secret: string) => Promise<T>;
  children: (found: T) => ReactNode;
}

/** What is behind a link that works once, or why there is nothing. */
export function LinkDoor<T>({ kind, secret, find, children }: LinkDoorProps<T>) {
  const { data, error, refetch } = useQuery({
    queryKey: [kind, secret],
    queryFn: () => find(secret),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [, navigate] = useLocation();
  if (data !== undefined) return children(data);
  if (error instanceof Refusal && error.status === 404) {
    return (
      <Door
        title="This link doesn’t work any more"
        intro={<p>It was used, or it is too old. Ask for a new one.</p>}
      >
        <Button onClick={() => navigate("/")}>Go to sign-in</Button>
      </Door>
    );
  }
  return (
    <Door title="Welcome">
      {error === null ? (
        <p>Looking up your link…</p>
      ) : (
        <Notice
          tone="alert"
          title={error.message}
          actions={<Button onClick={() => void refetch()}>Try again</Button>}
        />
      )}
    </Door>
  );
}
