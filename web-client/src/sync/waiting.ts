/** What one document still has to send. */
export interface Waiting {
  /** Changes that the server has not acknowledged as durable. */
  changes: number;
  /** Since when there has been at least one, in ms since 1970. */
  since: number | null;
}

export const NOTHING_WAITS: Waiting = { changes: 0, since: null };

/** The sum over all documents. */
export function totalWaiting(all: ReadonlyMap<string, Waiting>): Waiting {
  let changes = 0;
  let since: number | null = null;
  for (const waiting of all.values()) {
    changes += waiting.changes;
    if (waiting.since !== null) since = since === null ? waiting.since : Math.min(since, waiting.since);
  }
  return { changes, since };
}
