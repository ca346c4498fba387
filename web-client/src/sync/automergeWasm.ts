import wasmUrl from "@automerge/automerge/automerge.wasm?url";
import { initializeWasm } from "@automerge/automerge-repo/slim";

let loading: Promise<void> | null = null;

/** Loads the Automerge engine, once. It is a file of our own, so that the content policy allows it and it works offline. */
export function loadAutomerge(): Promise<void> {
  loading ??= initializeWasm(wasmUrl).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}
