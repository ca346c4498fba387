import { type FormEvent, useState } from "react";

/** Runs what a form asks for, once at a time, and keeps what went wrong. */
export function useSubmit(run: () => Promise<void>): {
  busy: boolean;
  problem: string | null;
  onSubmit: (event: FormEvent) => void;
} {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    run()
      .catch((error: unknown) =>
        setProblem(error instanceof Error ? error.message : "Something went wrong. Try again."),
      )
      .finally(() => setBusy(false));
  };
  return { busy, problem, onSubmit };
}
