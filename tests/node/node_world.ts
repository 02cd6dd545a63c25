/**
 * A whole node inside the test: the same code as in production on a simulated disk and network and a clock that the
 * test moves. Clients speak RESP over simulated connections.
 */
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { type Connection, writeAll } from "../../src/io/network.ts";
import { type NodeOptions, NodeServer } from "../../src/node/node_server.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { DiskFaults } from "../support/faulty_disk.ts";
import { settle } from "../support/settle.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import { SimulatedNetwork } from "../support/simulated_network.ts";

const MIB = 1024 * 1024;

export class NodeWorld {
  readonly clock = new FakeClock();
  readonly disk = new SimulatedDisk();
  readonly diskFaults = new DiskFaults();
  readonly logger = new CollectingLogger();
  readonly random: SeededRandom;
  network = new SimulatedNetwork();
  /** What `INFO` is told. */
  residentBytes: () => number = () => 0;
  /** The bug by which the process ended, if it did. */
  bug: unknown = null;
  #server: NodeServer | null = null;

  constructor(seed = 1) {
    this.random = new SeededRandom(seed);
  }

  /** Starts the node on what the disk holds. */
  async start(options: Partial<NodeOptions> = {}): Promise<void> {
    this.network = new SimulatedNetwork();
    this.#server = await NodeServer.start({
      host: "127.0.0.1",
      port: 8081,
      dataDir: "data",
      maxMemoryBytes: 8 * MIB,
      fsync: "always",
      standalone: true,
      dumpIntervalMs: 0,
      dumpLogBytes: 0,
      clientStallMs: 60_000,
      clientCountMax: 100,
      ...options,
    }, {
      clock: this.clock,
      network: this.network,
      disk: this.diskFaults.on(this.disk.process()),
      random: this.random,
      process: {
        pid: 1,
        denoVersion: "test",
        os: "test",
        residentBytes: () => this.residentBytes(),
        abort: (error) => {
          this.bug = error;
          throw new Error("The process has ended");
        },
        bootId: null,
      },
      logger: this.logger,
    });
  }

  async stop(): Promise<void> {
    const stopping = this.#server!.stop();
    await settle();
    this.clock.advance(0);
    await stopping;
  }

  /** The process dies and the machine loses power: only what was synced, and some of the rest, is left. */
  losePower(): void {
    this.disk.losePower(this.random);
  }

  async client(): Promise<NodeClient> {
    return new NodeClient(await this.connect());
  }

  /** A connection of which the test itself reads. */
  connect(): Promise<Connection> {
    return this.network.connect({ host: "127.0.0.1", port: 8081 });
  }
}

export class NodeClient {
  readonly #connection: Connection;
  #received = "";
  #isClosed = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    void this.#receive();
  }

  /** Sends one request and lets happen what can happen without time going on. */
  async send(...args: (string | Uint8Array)[]): Promise<void> {
    const output = new OutputBuffer();
    encodeRequest(output, args);
    await writeAll(this.#connection, output.view().slice());
    await settle();
  }

  /** Sends bytes as they are. */
  async sendText(text: string): Promise<void> {
    await writeAll(this.#connection, bytesOf(text));
    await settle();
  }

  /** Whether the node has closed the connection. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether nothing was received since the last {@linkcode NodeClient.take}. */
  get isQuiet(): boolean {
    return this.#received === "";
  }

  /** Everything received since the last call. */
  take(): string {
    const received = this.#received;
    this.#received = "";
    return received;
  }

  /** Sends one request; what has come back by the time nothing more happens. */
  async ask(...args: (string | Uint8Array)[]): Promise<string> {
    await this.send(...args);
    return this.take();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await this.#connection.read(buffer)) !== null;) {
        this.#received += textOf(buffer, 0, count);
      }
    } catch {
      // The connection broke: there is no more to receive.
    }
    this.#isClosed = true;
  }
}
