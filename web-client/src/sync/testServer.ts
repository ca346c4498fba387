import type { AddressInfo } from "node:net";
import { cbor } from "@automerge/automerge-repo/slim";
import { type WebSocket as Socket, WebSocketServer } from "ws";

type Frame = Record<string, unknown>;

/** The server's end of one connection, for the adapter's tests: says what it is told to say, and writes down what it hears. */
export class TestConnection {
  readonly heard: Frame[] = [];
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  say(frame: Frame): void {
    this.socket.send(cbor.encode(frame));
  }

  welcome(): void {
    this.say({
      type: "peer",
      senderId: "server",
      targetId: this.heard[0]?.senderId,
      peerMetadata: { storageId: "store-1", isEphemeral: false },
      selectedProtocolVersion: "1",
    });
  }
}

/** A WebSocket server on a free port; `onFrame` plays its part. */
export class TestServer {
  readonly connections: TestConnection[] = [];
  readonly url: string;
  #server: WebSocketServer;

  static async start(onFrame: (connection: TestConnection, frame: Frame) => void): Promise<TestServer> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await new Promise((resolve) => server.once("listening", resolve));
    return new TestServer(server, onFrame);
  }

  private constructor(server: WebSocketServer, onFrame: (connection: TestConnection, frame: Frame) => void) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/sync`;
    server.on("connection", (socket) => {
      const connection = new TestConnection(socket);
      this.connections.push(connection);
      socket.on("message", (data: Buffer) => {
        const frame = cbor.decode(new Uint8Array(data)) as Frame;
        connection.heard.push(frame);
        onFrame(connection, frame);
      });
    });
  }

  last(): TestConnection {
    const connection = this.connections.at(-1);
    if (connection === undefined) throw new Error("Nobody has connected.");
    return connection;
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.terminate();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
