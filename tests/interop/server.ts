import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PeerId, Repo, type RepoConfig } from "@automerge/automerge-repo";
import { WebSocketClientAdapter } from "@automerge/automerge-repo-network-websocket";

const PROGRAM = process.env.FIELDBOOK_BIN ?? "../../target/debug/fieldbook";

/** A real server on a free port with a data folder of its own. */
export class Server {
  readonly data = mkdtempSync(join(tmpdir(), "fieldbook-interop-"));
  #process: ChildProcess | undefined;
  #address = "127.0.0.1:0";
  #repos: Repo[] = [];
  readonly #filter: string;
  /** What it has written to its log. */
  log = "";

  private constructor(filter: string) {
    this.#filter = filter;
  }

  static async start(filter = "error"): Promise<Server> {
    const server = new Server(filter);
    await server.run();
    return server;
  }

  /** Starts, or starts again at the same address. */
  async run(): Promise<void> {
    const child = spawn(PROGRAM, ["serve", "--listen", this.#address, "--data", this.data], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, FIELDBOOK_LOG__FILTER: this.#filter },
    });
    this.#process = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.log += chunk.toString();
      process.stderr.write(chunk);
    });
    // Whatever goes wrong in a test, no server outlives it.
    process.once("exit", () => child.kill("SIGKILL"));
    this.#address = await new Promise<string>((resolve, reject) => {
      let said = "";
      child.stdout.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const found = said.match(/ is at http:\/\/(\S+)/);
        if (found?.[1]) resolve(found[1]);
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
    });
  }

  /** SIGKILL: no goodbye, no flush. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    // A client whose adapter was disconnected before cannot be shut down once more.
    await Promise.allSettled(this.#repos.map(async (repo) => repo.shutdown()));
    await this.kill();
    rmSync(this.data, { recursive: true, force: true });
  }

  token(user: string, ...options: string[]): string {
    return execFileSync(PROGRAM, ["token", "--data", this.data, "--user", user, ...options])
      .toString()
      .trim();
  }

  url(token: string): string {
    return `ws://${this.#address}/sync?token=${token}`;
  }

  adapter(user: string, ...options: string[]): WebSocketClientAdapter {
    const adapter = new WebSocketClientAdapter(this.url(this.token(user, ...options)), 200);
    const { onError } = adapter;
    // In Node the stock adapter throws what nobody can catch when a connection is reset, as that to a killed server is
    // if something was still on its way to it.
    adapter.onError = (event) => {
      const { code } = "error" in event ? (event.error as { code?: string }) : {};
      if (code !== "ECONNRESET") onError(event);
    };
    return adapter;
  }

  /** A stock client. */
  repo(user: string, config: Partial<RepoConfig> & { options?: string[] } = {}): Repo {
    const { options = [], ...rest } = config;
    const repo = new Repo({ network: [this.adapter(user, ...options)], ...rest });
    this.#repos.push(repo);
    return repo;
  }
}

export function peerId(name: string): PeerId {
  return name as PeerId;
}

/** Waits until it is so; a generous deadline, no fixed pause. */
export async function until(what: () => boolean | Promise<boolean>, deadlineMs = 20_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not so within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
