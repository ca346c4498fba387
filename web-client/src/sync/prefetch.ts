import { Observable } from "./observable";

/** How many documents are fetched before anybody opens them: as many of those that changed last. */
export const PREFETCH_MOST = 20;
export interface PrefetchOptions {
  /** The documents that this device has. */
  held: () => Promise<ReadonlySet<string>>;
  /** Brings one document to this device; rejects when that does not work out. */
  fetch: (id: string, signal: AbortSignal) => Promise<void>;
  /** Resolves when the person needs neither the connection nor the processor. False: there will be no such moment for now. */
  idle: (signal: AbortSignal) => Promise<boolean>;
}

/** Brings documents to this device that nobody has opened on it, so that they are there without a connection: one at a time, in idle moments. */
export class Prefetch {
  /** How many documents came in this way. */
  readonly fetched = new Observable(0);
  #options: PrefetchOptions;
  #wanted: readonly string[] = [];
  /** Each is tried once in the life of a connection; whoever opens the document tries again. */
  #tried = new Set<string>();
  #running = Promise.resolve();
  #stopping = new AbortController();

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  /** These are the documents that this device should have, the most important first. */
  want(ids: readonly string[]): void {
    this.#wanted = ids.slice(0, PREFETCH_MOST);
    this.#start();
  }

  /** There is a connection (again): goes on, and tries again what did not work out. */
  resume(): void {
    this.#tried.clear();
    this.#start();
  }

  /** Resolves when nothing is being fetched, nor will be. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #start(): void {
    if (this.#stopping.signal.aborted) return;
    this.#running = this.#running
      .then(() => this.#run())
      .catch((error: unknown) => console.warn("No documents can be fetched ahead.", error));
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted && (await this.#next()) !== undefined) {
      if (!(await this.#options.idle(signal))) return;
      // While we waited, the person may have opened it, or the list may be another one.
      const id = await this.#next();
      if (signal.aborted || id === undefined) return;
      this.#tried.add(id);
      await this.#options.fetch(id, signal).then(
        () => this.fetched.set(this.fetched.get() + 1),
        // Out of reach, or archived meanwhile: whoever opens it is told.
        () => {},
      );
    }
  }

  async #next(): Promise<string | undefined> {
    const held = await this.#options.held();
    return this.#wanted.find((id) => !held.has(id) && !this.#tried.has(id));
  }
}
