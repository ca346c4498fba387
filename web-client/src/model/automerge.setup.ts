// In the browser the app loads the Automerge engine as a file (src/sync/automergeWasm.ts); under test, Node's own build will do.
import "@automerge/automerge";
