import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "~/api/client";
import type { DocumentEntry } from "~/api/types";
import { SHELVES, type Shelf } from "~/model/shelf";
import type { SyncEngine } from "~/sync/engine";
import { documentsOnDevice } from "~/sync/storage";
import { useFetchedAhead } from "~/sync/useSync";

/** The list, from the server; and from this device until the server has answered, or while it can not be reached. */
export function useDocuments(userId: string, shelf: Shelf, refetchInterval: number | false = false) {
  return useQuery({
    queryKey: listKey(userId, shelf),
    queryFn: async () => {
      const documents = await api.documents(shelf);
      remember(userId, shelf, documents);
      return documents;
    },
    initialData: () => recall(userId, shelf),
    initialDataUpdatedAt: 0,
    refetchInterval,
  });
}

const MOVES: Record<Shelf, (id: string) => Promise<void>> = {
  current: api.restore,
  archive: api.archive,
  trash: api.trash,
};

/** A move to another shelf shows at once; if the server then says no, the document comes back. */
export function useMoving(userId: string, onFailure: (message: string) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, to }: { id: string; to: Shelf }) => MOVES[to](id),
    onMutate: ({ id, to }) => {
      for (const shelf of SHELVES) {
        client.setQueryData<DocumentEntry[]>(listKey(userId, shelf), (list) =>
          shelf === to ? list : list?.filter((entry) => entry.id !== id),
        );
      }
    },
    onError: (error) => onFailure(error.message),
    onSettled: () => client.invalidateQueries({ queryKey: ["documents", userId] }),
  });
}

/** What somebody just typed as the title shows in the list before the server has been asked again. */
export function noteTitle(client: QueryClient, userId: string, id: string, title: string): void {
  const list = client.getQueryData<DocumentEntry[]>(listKey(userId, "current")) ?? recall(userId, "current");
  if (list === undefined) return;
  const renamed = list.map((entry) =>
    entry.id === id && entry.title !== title ? { ...entry, title } : entry,
  );
  client.setQueryData(listKey(userId, "current"), renamed);
  remember(userId, "current", renamed);
}

/** Brings the documents of the list that changed last to this device, once the server has told the list. */
export function usePrefetch(engine: SyncEngine | null, userId: string): void {
  const { data, dataUpdatedAt } = useDocuments(userId, "current");
  useEffect(() => {
    if (engine === null || data === undefined || dataUpdatedAt === 0) return;
    const newestFirst = Array.from(data).sort((a, b) => b.changedAt - a.changedAt);
    engine.prefetch.want(newestFirst.map(({ id }) => id));
  }, [engine, data, dataUpdatedAt]);
}

/** Which documents can be opened without the server. Null while we look. */
export function useOnDevice(userId: string): ReadonlySet<string> | null {
  const [held, setHeld] = useState<ReadonlySet<string> | null>(null);
  const fetchedAhead = useFetchedAhead();
  // biome-ignore lint/correctness/useExhaustiveDependencies: we look again when one more has been fetched.
  useEffect(() => {
    let gone = false;
    documentsOnDevice(userId).then(
      (ids) => gone || setHeld(ids),
      () => {},
    );
    return () => {
      gone = true;
    };
  }, [userId, fetchedAhead]);
  return held;
}

/** Forgets the lists of somebody who signs out. */
export function forgetLists(userId: string): void {
  for (const shelf of SHELVES) localStorage.removeItem(storageKey(userId, shelf));
}

function listKey(userId: string, shelf: Shelf) {
  return ["documents", userId, shelf] as const;
}

function storageKey(userId: string, shelf: Shelf): string {
  // "archived", as devices have it from before there was a trash.
  return `fieldbook.documents.${userId}.${shelf === "archive" ? "archived" : shelf}`;
}

function recall(userId: string, shelf: Shelf): DocumentEntry[] | undefined {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(storageKey(userId, shelf)) ?? "null");
    return Array.isArray(list) ? (list as DocumentEntry[]) : undefined;
  } catch {
    return undefined;
  }
}

function remember(userId: string, shelf: Shelf, documents: DocumentEntry[]): void {
  try {
    localStorage.setItem(storageKey(userId, shelf), JSON.stringify(documents));
  } catch {
    // Full: the list is then just not there offline.
  }
}
