/**
 * A few connections to a node beside its links, for replies that are too long for those. Each carries one request at a
 * time, whose reply is read as fast as it is passed on: what a slow client does not take stays at the node, and nobody
 * else waits behind it. They are opened when they are needed, and closed when they have not been for a while.
 *
 * They have names as links do, so that what was given up here is not run by a node that was silent meanwhile.
 */
import type { Clock } from "../core/clock.ts";
import {
  BULK_CONNECTIONS_MAX,
  BULK_IDLE_MS_MAX,
  CONNECT_TIMEOUT_MS,
  READ_BUFFER_BYTES,
} from "../core/limits.ts";
import { abandon, type Address, type Connection, type Network, writeAll } from "../io/network.ts";
import { ReadBudget, ReadBuffer } from "../serving/read_buffer.ts";
import type { Asker } from "./ask.ts";
import { Handshake } from "./handshake.ts";
import { type TurnHolder, Turns } from "./turns.ts";

export interface BulkLaneOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly address: () => Address;
  /** Makes the connection of `ask` the newest of those with this number. */
  readonly shakeHands: (ask: Asker, number: number) => Promise<void>;
}

/** One of the connections, with the bytes of a reply that have arrived. */
export class BulkConnection {
  /** Which one of its lane. */
  readonly number: number;
  readonly buffer = new ReadBuffer(new ReadBudget(Infinity), READ_BUFFER_BYTES);
  idleSinceMs = 0;
  readonly #connection: Connection;

  constructor(connection: Connection, number: number) {
    this.#connection = connection;
    this.number = number;
  }

  /** Sends a request; the bytes may not change until it resolves. */
  send(request: Uint8Array<ArrayBuffer>): Promise<void> {
    return writeAll(this.#connection, request);
  }

  /** Resolves when more has arrived; rejects when nothing more will. */
  async fill(): Promise<void> {
    this.buffer.ensureRoom(0);
    if (await this.buffer.fill(this.#connection) === null) throw new Error("it closed the connection");
  }

  close(): void {
    abandon(this.#connection);
  }
}

export class BulkLane {
  readonly #options: BulkLaneOptions;
  readonly #turns: Turns;
  /** Numbers of connections that are not open. */
  readonly #numbers = Array.from({ length: BULK_CONNECTIONS_MAX }, (_, i) => i);
  /** Those that nobody uses, the one that was used last at the end. */
  readonly #idle: BulkConnection[] = [];
  readonly #busy = new Map<BulkConnection, TurnHolder>();

  constructor(options: BulkLaneOptions) {
    this.#options = options;
    this.#turns = new Turns(BULK_CONNECTIONS_MAX, options.clock);
  }

  /** Resolves to a connection for `holder` alone; rejects when it cannot be made, or too many wait. */
  async take(holder: TurnHolder): Promise<BulkConnection> {
    await this.#turns.take(holder);
    try {
      if (holder.isOver) throw new Error("nobody waits for it any more");
      const connection = this.#idle.pop() ?? await this.#connect();
      this.#busy.set(connection, holder);
      return connection;
    } catch (error) {
      this.#turns.give(holder);
      throw error;
    }
  }

  /** The holder of `connection` is done with it; `isWhole` when the reply was read to its end. */
  give(connection: BulkConnection, isWhole: boolean): void {
    const holder = this.#busy.get(connection);
    if (holder === undefined) return;
    this.#busy.delete(connection);
    if (isWhole) {
      connection.idleSinceMs = this.#options.clock.monotonicMs();
      this.#idle.push(connection);
    } else this.#close(connection);
    this.#turns.give(holder);
  }

  /** Closes those that nobody has used for a while. Called now and then. */
  look(): void {
    const sinceMs = this.#options.clock.monotonicMs() - BULK_IDLE_MS_MAX;
    while (this.#idle.length > 0 && this.#idle[0]!.idleSinceMs < sinceMs) this.#close(this.#idle.shift()!);
  }

  /** Closes those that nobody uses: the node may have. */
  dropIdle(): void {
    for (const connection of this.#idle.splice(0)) this.#close(connection);
  }

  /** Closes all of them: reads of those that are in use fail. */
  drop(): void {
    this.dropIdle();
    for (const connection of this.#busy.keys()) connection.close();
  }

  async #connect(): Promise<BulkConnection> {
    const { network, clock, address, shakeHands } = this.#options;
    const number = this.#numbers.pop()!;
    let connection: Connection | null = null;
    try {
      connection = await network.connect(address(), CONNECT_TIMEOUT_MS);
      const handshake = new Handshake(connection, clock);
      await shakeHands((args) => handshake.ask(args), number);
      handshake.end();
      return new BulkConnection(connection, number);
    } catch (error) {
      this.#numbers.push(number);
      if (connection !== null) abandon(connection);
      throw error;
    }
  }

  #close(connection: BulkConnection): void {
    connection.close();
    connection.buffer.release();
    this.#numbers.push(connection.number);
  }
}
