import type { StorageKey } from "@automerge/automerge-repo/slim";
import { IndexedDBStorageAdapter } from "@automerge/automerge-repo-storage-indexeddb";
import { Observable } from "./observable";

const STORE = "documents";

/**
 * The stock IndexedDB storage, with writes that survive the end of the page.
 *
 * The stock `save` waits for the database, and leaves the commit to the browser, which does it only once the page has seen the write
 * succeed; a page that closes right after a keystroke never does. This one begins at once and commits right away. And it
 * hears of writes that were taken back because the disk is full, after which the stock one waits forever.
 */
export class DeviceStorage extends IndexedDBStorageAdapter {
  /** False if the last write did not work out. */
  readonly healthy = new Observable(true);
  #database: IDBDatabase;

  static async open(name: string): Promise<DeviceStorage> {
    const opening = indexedDB.open(name, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    const database = await new Promise<IDBDatabase>((resolve, reject) => {
      opening.onsuccess = () => resolve(opening.result);
      opening.onerror = () => reject(opening.error);
    });
    return new DeviceStorage(name, database);
  }

  private constructor(name: string, database: IDBDatabase) {
    super(name, STORE);
    this.#database = database;
  }

  override async save(key: StorageKey, binary: Uint8Array): Promise<void> {
    try {
      await this.#write(key, binary);
      this.healthy.set(true);
    } catch (error) {
      console.error("This device could not keep the last changes.", error);
      this.healthy.set(false);
      throw error;
    }
  }

  #write(key: StorageKey, binary: Uint8Array): Promise<void> {
    const transaction = this.#database.transaction(STORE, "readwrite");
    transaction.objectStore(STORE).put({ key, binary }, key);
    transaction.commit?.();
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }
}
