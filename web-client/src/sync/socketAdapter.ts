import {
  cbor,
  type Message,
  NetworkAdapter,
  type PeerId,
  type PeerMetadata,
} from "@automerge/automerge-repo/slim";
import type { Connection } from "~/model/status";
import { retryDelay } from "./backoff";
import { type ClientFrame, readServerFrame, type ServerFrame } from "./frames";

export interface SocketAdapterOptions {
  url: string;
  /** Called with each `fb` frame; the Repo never sees one. */
  onFrame: (frame: ServerFrame) => void;
  onConnection: (connection: Connection) => void;
  /**
   * Asks the server whether this browser still is signed in as the person whose documents these are. Runs beside the upgrade;
   * nothing is sent before the answer is yes. Rejects when the server can not be reached.
   */
  admit: () => Promise<boolean>;
  /** For tests, and for Node, which has no WebSocket of its own. */
  WebSocket?: typeof WebSocket;
  /** For tests. */
  pongDeadlineMs?: number;
}

/** How long the server may take to answer a ping before we take the socket for dead. */
const PONG_DEADLINE_MS = 3_000;
/** How long a first attempt may take before documents that are not on this device are told to be out of reach. */
const READY_DEADLINE_MS = 4_000;
/** A connection that lives shorter than this counts as a failed attempt: otherwise a server that closes at once would be hammered. */
const SETTLED_MS = 5_000;
const STALE_ATTEMPT_MS = 2_000;
/** An upgrade that takes longer than this is given up and tried again. */
const OPEN_DEADLINE_MS = 10_000;

/**
 * The Repo's way to the server: the stock WebSocket protocol, on a socket that comes back by itself.
 *
 * Beside the stock frames it carries Fieldbook's `fb` frames, which it takes out before the Repo sees them.
 */
export class SocketAdapter extends NetworkAdapter {
  #options: SocketAdapterOptions;
  #socket: WebSocket | null = null;
  #server: PeerId | null = null;
  #failures = 0;
  #openedAt = 0;
  #connectedAt = 0;
  #stopped = false;
  #retryTimer: Timer;
  #openTimer: Timer;
  #pongTimer: Timer;
  #nextPing = 1;
  #answersPings = false;
  #ready = false;
  #markReady: () => void = () => {};
  #whenReady: Promise<void>;

  constructor(options: SocketAdapterOptions) {
    super();
    this.#options = options;
    this.#whenReady = new Promise((resolve) => {
      this.#markReady = resolve;
    });
  }

  override isReady(): boolean {
    return this.#ready;
  }

  override whenReady(): Promise<void> {
    return this.#whenReady;
  }

  override connect(peerId: PeerId, peerMetadata?: PeerMetadata): void {
    this.peerId = peerId;
    this.peerMetadata = peerMetadata ?? {};
    this.#stopped = false;
    setTimeout(() => this.#becomeReady(), READY_DEADLINE_MS);
    this.#open();
  }

  override disconnect(): void {
    this.#stopped = true;
    clearTimeout(this.#retryTimer);
    this.#drop();
    this.emit("close");
  }

  override send(message: Message): void {
    // While there is no connection the Repo has no peer either; what it sends in between, it sends again when the peer is back.
    if (this.#server !== null) this.#write(message);
  }

  /** Sends an `fb` frame, if the server is there to hear it. */
  sendFrame(frame: ClientFrame): boolean {
    return this.#server !== null && this.#write({ type: "fb", ...frame });
  }

  /** Something says that the network may be back, or that this page slept: connect now, or make sure that the socket lives. */
  wake(): void {
    if (this.#stopped || this.peerId === undefined) return;
    if (this.#server !== null) {
      this.ping();
      return;
    }
    // An attempt that began before the page slept may never end.
    if (this.#socket !== null && Date.now() - this.#openedAt < STALE_ATTEMPT_MS) return;
    this.#drop();
    this.#failures = 0;
    this.#open();
  }

  /** Asks the server for a sign of life; without one the socket is replaced. */
  ping(): void {
    if (this.#server === null || this.#pongTimer !== undefined) return;
    const id = this.#nextPing;
    this.#nextPing = (id + 1) >>> 0 || 1;
    this.sendFrame({ kind: "ping", id });
    // A stock server ignores pings; that is no reason to leave it.
    if (!this.#answersPings) return;
    this.#pongTimer = setTimeout(() => this.#reconnect(), this.#options.pongDeadlineMs ?? PONG_DEADLINE_MS);
  }

  /** The browser knows that there is no network: do not wait for the socket to find out. */
  lose(): void {
    if (this.#stopped) return;
    this.#drop();
    this.#options.onConnection("offline");
    this.#retryLater();
  }

  #open(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    const Socket = this.#options.WebSocket ?? WebSocket;
    const socket = new Socket(this.#options.url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#openedAt = Date.now();
    this.#openTimer = setTimeout(() => this.#fail(), OPEN_DEADLINE_MS);
    const admitted = this.#options.admit();
    admitted.catch(() => {});
    socket.onopen = () => void this.#joinIf(admitted, socket);
    socket.onmessage = (event: MessageEvent) => this.#receive(event.data);
    socket.onclose = () => (this.#server === null ? this.#fail() : this.#reconnect());
    socket.onerror = () => {};
    if (this.#failures === 0) this.#options.onConnection("connecting");
  }

  async #joinIf(admitted: Promise<boolean>, socket: WebSocket): Promise<void> {
    const answer = await admitted.catch(() => null);
    if (socket !== this.#socket) return;
    // Out of reach after all; or somebody else, or nobody, is signed in now, and whoever started this engine stops it.
    if (answer !== true) return this.#fail();
    this.#write({
      type: "join",
      senderId: this.peerId,
      peerMetadata: this.peerMetadata,
      supportedProtocolVersions: ["1"],
      fieldbook: 1,
    });
  }

  #receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return;
    this.#heard();
    const frame = decode(data);
    if (frame === null) return;
    switch (frame.type) {
      case "peer":
        this.#welcome(frame);
        break;
      case "fb":
        this.#receiveFrame(frame);
        break;
      case "error":
        console.warn("The server refused this connection:", frame.message);
        break;
      default:
        if (this.#server === null) return;
        if (frame.type === "doc-unavailable" && typeof frame.documentId === "string")
          this.#options.onFrame({ kind: "ended", documentId: frame.documentId });
        this.emit("message", frame as unknown as Message);
    }
  }

  #welcome(frame: Record<string, unknown>): void {
    if (typeof frame.senderId !== "string" || this.#server !== null) return;
    clearTimeout(this.#openTimer);
    this.#connectedAt = Date.now();
    this.#server = frame.senderId as PeerId;
    this.emit("peer-candidate", {
      peerId: this.#server,
      peerMetadata: (frame.peerMetadata ?? {}) as PeerMetadata,
    });
    this.#becomeReady();
    this.#options.onConnection("online");
    this.ping();
  }

  #receiveFrame(raw: Record<string, unknown>): void {
    const frame = readServerFrame(raw);
    if (frame === null) return;
    if (frame.kind === "pong") this.#answersPings = true;
    this.#options.onFrame(frame);
  }

  /** Whatever arrives is a sign of life, not only the pong. */
  #heard(): void {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
  }

  /** A connection that was up is gone: try again at once, then more and more slowly. */
  #reconnect(): void {
    this.#drop();
    if (this.#stopped) return;
    this.#failures = Date.now() - this.#connectedAt < SETTLED_MS ? this.#failures + 1 : 0;
    this.#options.onConnection("connecting");
    this.#retryLater();
  }

  /** An attempt led nowhere. */
  #fail(): void {
    this.#drop();
    if (this.#stopped) return;
    this.#failures += 1;
    this.#becomeReady();
    this.#options.onConnection("offline");
    this.#retryLater();
  }

  #retryLater(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => this.#open(), retryDelay(this.#failures));
  }

  /** Forgets the socket at once: a dead one may take minutes to say that it closed. */
  #drop(): void {
    clearTimeout(this.#openTimer);
    this.#heard();
    const socket = this.#socket;
    this.#socket = null;
    if (socket !== null) {
      socket.onopen = null;
      socket.onmessage = null;
      socket.onclose = null;
      socket.close();
    }
    const server = this.#server;
    this.#server = null;
    if (server !== null) this.emit("peer-disconnected", { peerId: server });
  }

  #write(message: object): boolean {
    if (this.#socket?.readyState !== 1) return false;
    const bytes = cbor.encode(message);
    // A copy of its own: the encoder's buffer is larger than the frame.
    this.#socket.send(new Uint8Array(bytes));
    return true;
  }

  #becomeReady(): void {
    this.#ready = true;
    this.#markReady();
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

function decode(data: ArrayBuffer): Record<string, unknown> | null {
  try {
    const frame: unknown = cbor.decode(new Uint8Array(data));
    return typeof frame === "object" && frame !== null ? (frame as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
