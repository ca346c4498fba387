import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_DEADLINE_MS = 20_000;

/** A real server: the binary, with a data folder of its own and a port that is free. */
export class FieldbookServer {
  readonly url: string;
  #port: number;
  #data: string;
  #process: ChildProcess | null = null;
  #output = "";

  static async start(): Promise<FieldbookServer> {
    const server = new FieldbookServer(await freePort(), await mkdtemp(join(tmpdir(), "fieldbook-browser-")));
    await server.restart();
    return server;
  }

  private constructor(port: number, data: string) {
    this.#port = port;
    this.#data = data;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** The link that makes the first account; printed until there is one, a moment after the server is ready. */
  async setupLink(): Promise<string> {
    const deadline = Date.now() + START_DEADLINE_MS;
    for (;;) {
      const link = this.#output.match(/http:\/\/\S+\/join\/\w+(?=\n)/)?.[0];
      if (link !== undefined) return link;
      if (Date.now() > deadline) throw new Error(`The server printed no setup link:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Starts the server again on the same data. */
  async restart(): Promise<void> {
    this.#output = "";
    const child = spawn(binary(), ["serve", "--data", this.#data, "--listen", `127.0.0.1:${this.#port}`]);
    this.#process = child;
    child.stdout.on("data", (text: Buffer) => (this.#output += text.toString()));
    child.stderr.on("data", (text: Buffer) => (this.#output += text.toString()));
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await this.#isReady())) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`The server did not start:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** As a power cut would: SIGKILL, no goodbye. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  }
}

function binary(): string {
  if (process.env.FIELDBOOK_BIN !== undefined) return process.env.FIELDBOOK_BIN;
  const target = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../../target");
  return join(target, "debug", "fieldbook");
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("There is no free port.");
  return address.port;
}
