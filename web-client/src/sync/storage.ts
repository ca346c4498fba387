const ASKED = "fieldbook.asked-to-persist";

/** One database per person: nobody's work is ever shown to, or sent by, another person on a shared device. */
export function databaseName(userId: string): string {
  return `fieldbook-${userId}`;
}

/** The documents that this device holds for a person, without opening any. */
export async function documentsOnDevice(userId: string): Promise<Set<string>> {
  const database = await openExisting(databaseName(userId));
  if (database === null) return new Set();
  try {
    const keys = await request(database.transaction("documents").objectStore("documents").getAllKeys());
    const held = keys.filter(
      (key) => Array.isArray(key) && (key[1] === "snapshot" || key[1] === "incremental"),
    );
    return new Set(held.map((key) => String((key as string[])[0])));
  } finally {
    database.close();
  }
}

/** Asks the browser, once, not to throw our documents away when space runs short. Some ask the person, so never twice. */
export async function askToPersist(): Promise<void> {
  if (localStorage.getItem(ASKED) !== null || navigator.storage?.persist === undefined) return;
  localStorage.setItem(ASKED, "yes");
  // A no is fine: the server has what was saved.
  await navigator.storage.persist().catch(() => false);
}

/** Opens a database if there is one. The Repo must be the one that makes it, with its own store in it. */
async function openExisting(name: string): Promise<IDBDatabase | null> {
  const opening = indexedDB.open(name);
  opening.onupgradeneeded = () => opening.transaction?.abort();
  return request(opening).catch(() => null);
}

function request<T>(pending: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    pending.onsuccess = () => resolve(pending.result);
    pending.onerror = () => reject(pending.error);
  });
}
