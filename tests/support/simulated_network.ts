/**
 * A network inside the process: connections are pairs of byte queues, everything happens in microtasks, and a test
 * decides what is cut, and who stops reading. Errors are those of the real one.
 */
import type { Address, Connection, Listener, Network } from "../../src/io/network.ts";

/** Bytes that a direction takes before writes have to wait for the reader. */
const WINDOW_BYTES = 256 * 1024;
const FIRST_FREE_PORT = 40_000;

/** One direction of a connection. */
class Pipe {
  #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  #ended = false;
  #isStuck = false;
  #error: Error | null = null;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0 || this.#isStuck) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended && !this.#isStuck) return null;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    const chunk = this.#chunks[0]!;
    const count = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    this.#heldBytes -= count;
    this.#wake();
    return count;
  }

  /** Takes what fits into the window. */
  async write(bytes: Uint8Array): Promise<number> {
    while (true) {
      if (this.#error !== null || this.#ended) throw this.#error ?? new Deno.errors.BrokenPipe("Broken pipe");
      const room = WINDOW_BYTES - this.#heldBytes;
      if (room > 0) {
        const piece = bytes.slice(0, room);
        this.#chunks.push(piece);
        this.#heldBytes += piece.length;
        this.#wake();
        return piece.length;
      }
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
    }
  }

  /** No more bytes come; what is there can still be read. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Reads and writes fail from now on, and what is on the way is lost. */
  fail(error: Error): void {
    this.#error ??= error;
    this.#chunks = [];
    this.#wake();
  }

  /** What is on the way arrives no more, until {@linkcode Pipe.flow}; nobody hears of it. */
  stick(): void {
    this.#isStuck = true;
  }

  flow(): void {
    this.#isStuck = false;
    this.#wake();
  }

  #wake(): void {
    const { wakeReader, wakeWriter } = { wakeReader: this.#wakeReader, wakeWriter: this.#wakeWriter };
    this.#wakeReader = null;
    this.#wakeWriter = null;
    wakeReader?.();
    wakeWriter?.();
  }
}

/** Errors that nobody expects, by the method that throws them from now on. */
export type Faults = Partial<Record<"read" | "write" | "closeWrite" | "close", unknown>>;

export class SimulatedConnection implements Connection {
  readonly faults: Faults = {};
  readonly remote: string;
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;

  constructor(remote: string, incoming: Pipe, outgoing: Pipe) {
    this.remote = remote;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    this.#meet("read");
    return this.#incoming.read(buffer);
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    this.#meet("write");
    return this.#outgoing.write(bytes);
  }

  close(): void {
    this.#outgoing.end();
    this.#incoming.fail(new Deno.errors.BadResource("Connection is closed"));
    this.#meet("close");
  }

  /** Sends no more, and still reads. */
  closeWrite(): Promise<void> {
    this.#meet("closeWrite");
    this.#outgoing.end();
    return Promise.resolve();
  }

  /** The connection breaks, for both ends. */
  cut(error: Error = new Deno.errors.ConnectionReset("Connection reset by peer")): void {
    this.#incoming.fail(error);
    this.#outgoing.fail(error);
  }

  #meet(method: keyof Faults): void {
    if (method in this.faults) throw this.faults[method];
  }
}

class SimulatedListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #closed: () => void;
  #arrived: SimulatedConnection[] = [];
  #isClosed = false;
  #wake: (() => void) | null = null;
  /** Thrown once by the next `accept`. */
  fault: unknown = undefined;

  constructor(address: Address, closed: () => void) {
    this.host = address.host;
    this.port = address.port;
    this.#closed = closed;
  }

  async accept(): Promise<SimulatedConnection | null> {
    while (this.#arrived.length === 0) {
      if (this.#isClosed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.fault !== undefined) {
      const { fault } = this;
      this.fault = undefined;
      throw fault;
    }
    return this.#arrived.shift()!;
  }

  arrive(connection: SimulatedConnection): void {
    this.#arrived.push(connection);
    this.#wake?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#closed();
    this.#wake?.();
  }
}

export class SimulatedNetwork implements Network {
  readonly #listeners = new Map<number, SimulatedListener>();
  /** Both directions of the connections to each port. */
  readonly #pipes = new Map<number, Pipe[]>();
  /** Who waits for a port that is cut off. */
  readonly #cutOff = new Map<number, (() => void)[]>();
  #nextPort = FIRST_FREE_PORT;
  /** The listeners' ends of all connections, in their order. */
  readonly accepted: SimulatedConnection[] = [];

  listen(address: Address): Listener {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    if (this.#listeners.has(port)) throw new Deno.errors.AddrInUse("Address already in use");
    const listener = new SimulatedListener({ host: address.host, port }, () => this.#listeners.delete(port));
    this.#listeners.set(port, listener);
    return listener;
  }

  /** The next connection at `port` is not accepted at once: `error` is thrown first. */
  failAccept(port: number, error: unknown): void {
    this.#listeners.get(port)!.fault = error;
  }

  /** Nothing gets through to `port` or from it, and nobody hears of it, until {@linkcode SimulatedNetwork.heal}. */
  cutOff(port: number): void {
    this.#cutOff.set(port, []);
    for (const pipe of this.#pipes.get(port) ?? []) pipe.stick();
  }

  /** New connections get through again. Returns what delivers the bytes that are on the way on the old ones. */
  heal(port: number): () => void {
    const old = this.#pipes.get(port) ?? [];
    this.#pipes.delete(port);
    for (const resolve of this.#cutOff.get(port)!) resolve();
    this.#cutOff.delete(port);
    return () => old.forEach((pipe) => pipe.flow());
  }

  async connect(address: Address): Promise<SimulatedConnection> {
    await Promise.resolve();
    const waiting = this.#cutOff.get(address.port);
    if (waiting !== undefined) await new Promise<void>((resolve) => waiting.push(resolve));
    const listener = this.#listeners.get(address.port);
    if (listener === undefined) throw new Deno.errors.ConnectionRefused("Connection refused");
    const there = new Pipe();
    const back = new Pipe();
    this.#pipes.set(address.port, [...this.#pipes.get(address.port) ?? [], there, back]);
    const accepted = new SimulatedConnection(`127.0.0.1:${this.#nextPort++}`, there, back);
    this.accepted.push(accepted);
    listener.arrive(accepted);
    return new SimulatedConnection(`${address.host}:${address.port}`, back, there);
  }
}
