import * as A from "@automerge/automerge";
import type { DocHandle, Repo } from "@automerge/automerge-repo";
import { afterEach, beforeEach, expect, test } from "vitest";
import { begin, random } from "../edits.mjs";
import { Server, until } from "../server";

type Everything = ReturnType<typeof begin>;
type Client = { repo: Repo; handle: DocHandle<Everything> };

const STEPS = 300;
const SEEDS = process.env.FIELDBOOK_SEED ? [Number(process.env.FIELDBOOK_SEED)] : [1, 2, 3];

let server: Server;
beforeEach(async () => {
  server = await Server.start("error,fieldbook::room=warn");
});
afterEach(() => server.stop());

/**
 * Everything that can be read of it, once it was saved and loaded: what a stock client keeps up from patches
 * shows a Date in a list as `{}` at times.
 */
function read(live: A.Doc<Everything>) {
  const doc = A.load<Everything>(A.save(live));
  return { doc, marks: A.marks(doc, ["text"]), spans: A.spans(doc, ["text"]), heads: A.getHeads(doc) };
}

/** The same person again, as another actor, who has kept nothing but the bytes of `save`. */
async function reload({ repo, handle }: Client, name: string): Promise<Client> {
  const bytes = A.save(handle.doc());
  await repo.shutdown();
  const again = server.repo(name);
  return { repo: again, handle: again.import<Everything>(bytes, { docId: handle.documentId }) };
}

test.each(SEEDS)(
  "S9: whatever stock clients write is taken, and all end with the same (FIELDBOOK_SEED=%i)",
  async (seed) => {
    const { below, pick, edit } = random(seed);
    const repos = ["ann", "ben", "cat", "dan"].map((name) => server.repo(name));
    const { url } = (repos[0] as Repo).create<Everything>(begin());
    const clients = await Promise.all(
      repos.map(async (repo): Promise<Client> => ({ repo, handle: await repo.find<Everything>(url) })),
    );
    for (let step = 0; step < STEPS; step += 1) {
      const { handle } = pick(clients);
      handle.update(edit);
      const from = pick(clients).handle;
      if (below(12) === 0 && from !== handle) handle.merge(from);
      // Messages come and go only now; what is written until then is concurrent.
      if (below(8) === 0) await new Promise((resolve) => setTimeout(resolve, below(10)));
      if (step === STEPS / 2) clients[3] = await reload(clients[3] as Client, "dan");
    }
    const handles = clients.map((client) => client.handle);
    await until(() => {
      expect(server.log).toBe("");
      return new Set(handles.map((handle) => handle.heads().join())).size === 1;
    });
    const fresh = (await server.repo("eve").find<Everything>(url)).doc();
    const [first, ...others] = [...handles.map((handle) => handle.doc()), fresh].map(read);
    for (const other of others) expect(other).toEqual(first);
    // Some edits find nothing to change.
    expect(A.getAllChanges(fresh).length).toBeGreaterThan(STEPS / 2);
    expect(server.log).toBe("");
  },
);
