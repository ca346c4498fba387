import type { Chunk, StorageAdapterInterface, StorageKey } from "@automerge/automerge-repo/slim";

/** A device without a disk, for tests. */
export class MemoryStorage implements StorageAdapterInterface {
  #data = new Map<string, Uint8Array>();

  async load(key: StorageKey): Promise<Uint8Array | undefined> {
    return this.#data.get(JSON.stringify(key));
  }

  async save(key: StorageKey, data: Uint8Array): Promise<void> {
    this.#data.set(JSON.stringify(key), data);
  }

  async remove(key: StorageKey): Promise<void> {
    this.#data.delete(JSON.stringify(key));
  }

  async loadRange(prefix: StorageKey): Promise<Chunk[]> {
    return this.#keys(prefix).map((key) => ({ key, data: this.#data.get(JSON.stringify(key)) }));
  }

  async removeRange(prefix: StorageKey): Promise<void> {
    for (const key of this.#keys(prefix)) this.#data.delete(JSON.stringify(key));
  }

  #keys(prefix: StorageKey): StorageKey[] {
    return Array.from(this.#data.keys(), (text) => JSON.parse(text) as StorageKey).filter((key) =>
      prefix.every((part, index) => key[index] === part),
    );
  }
}
