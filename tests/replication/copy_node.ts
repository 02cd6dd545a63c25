/**
 * What replication needs of a node, with real stores, logs and links on a simulated disk and network: shards that it leads,
 * or copies that follow, whose node answers `ROUNDEL PLACE` and `ROUNDEL APPEND` on its links.
 */
import { assert, assertEquals } from "@std/assert";
import { bytesOf, latin1Of, textOf } from "../../src/core/bytes.ts";
import { STORE_CAP_BYTES_MIN } from "../../src/core/limits.ts";
import type { Logger } from "../../src/core/logger.ts";
import { KIND_BEGIN_EPOCH, Mutation, type Position } from "../../src/core/mutation.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { type Connection, type Listener, writeAll } from "../../src/io/network.ts";
import { RecoveredStores } from "../../src/node/recovered_stores.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { pathsOf } from "../../src/persistence/paths.ts";
import { recover, type Recovered } from "../../src/persistence/recovery.ts";
import { ShardHistory } from "../../src/persistence/shard_history.ts";
import { RUN_HEADER_BYTES, writeRunHeader } from "../../src/protocol/link_run.ts";
import { INCOMPLETE, INVALID, RequestDecoder } from "../../src/protocol/request_decoder.ts";
import type { FollowedCopies, FollowedCopy } from "../../src/replication/followed_copy.ts";
import type { Acknowledgement, LedShard, StreamState } from "../../src/replication/led_shard.ts";
import { Receiver } from "../../src/replication/receiver.ts";
import { Senders } from "../../src/replication/senders.ts";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { mutationOf } from "../support/mutations.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { SimulatedDisk } from "../support/simulated_disk.ts";
import type { SimulatedNetwork } from "../support/simulated_network.ts";

export const SHARDS = [0, 1];
const CLUSTER = "cluster";
/** Of all copies, so that they order their keys alike. */
const HASH_SEED = "0123456789abcdef";
const PATHS = pathsOf("data", 8081);
const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface CopyWorld {
  readonly network: SimulatedNetwork;
  readonly clock: FakeClock;
  readonly policy?: FsyncPolicy;
  readonly segmentBytes?: number;
  readonly capBytes?: number;
}

/** The data folder of a node, read. */
class Folder {
  readonly disk: SimulatedDisk;
  readonly stores = new RecoveredStores();
  recovered!: Recovered;

  constructor(disk: SimulatedDisk) {
    this.disk = disk;
  }

  async open(
    { clock, policy = "always", segmentBytes, capBytes = STORE_CAP_BYTES_MIN }: CopyWorld,
  ): Promise<void> {
    const { stores } = this;
    stores.useSeed(HASH_SEED);
    for (const shard of SHARDS) stores.add(shard, capBytes);
    this.recovered = await recover({
      disk: this.disk.process(),
      clock,
      random: new SeededRandom(1),
      logger: QUIET,
      paths: PATHS,
      policy,
      bootId: "boot",
      ...(segmentBytes && { segmentBytes }),
      targetFor: () => stores,
    });
  }

  get log(): Recovered["log"] {
    return this.recovered.log;
  }

  historyOf(shard: number): ShardHistory {
    return this.recovered.histories.get(shard) ?? new ShardHistory();
  }

  storeOf(shard: number): Store {
    return this.stores.stores.get(shard)!;
  }
}

/** `key` → `value@expiresAt` of all entries, and where the shard's history stands. */
export function contentOf(store: Store, { epoch, sequence, isFilling }: ShardHistory): unknown {
  const entries: string[] = [];
  for (let row = store.rowAfter(0); row !== 0; row = store.rowAfter(row)) {
    const key = new Uint8Array(store.keyLength(row));
    const value = new Uint8Array(store.valueLength(row));
    store.copyKey(row, key, 0);
    store.copyValue(row, value, 0);
    entries.push(`${textOf(key)} → ${textOf(value)}@${store.expiresAt(row)}`);
  }
  return { entries: entries.sort(), epoch, sequence, isFilling };
}

/** A shard that the primary leads. */
export class Led implements LedShard {
  readonly shard: number;
  readonly history: ShardHistory;
  readonly store: Store;
  epoch = 1;
  /** The newest of each peer. */
  readonly acknowledgements = new Map<string, Acknowledgement>();
  readonly states = new Map<string, StreamState>();
  readonly told: StreamState[] = [];
  newerEpoch = 0;
  /** Called with each that is not about nothing. */
  onAcknowledged: (peer: string, sequence: number) => void = () => {};

  constructor(shard: number, folder: Folder) {
    this.shard = shard;
    this.history = folder.historyOf(shard);
    this.store = folder.storeOf(shard);
  }

  acknowledged(peer: string, { epoch, sequence, sentAtMs }: Acknowledgement): void {
    const former = this.acknowledgements.get(peer);
    if (sequence > 0) this.onAcknowledged(peer, sequence);
    this.acknowledgements.set(peer, {
      epoch,
      sequence: Math.max(former?.sequence ?? 0, sequence),
      sentAtMs: Math.max(former?.sentAtMs ?? 0, sentAtMs),
    });
  }

  outdated(newerEpoch: number): void {
    this.newerEpoch = newerEpoch;
  }

  streamChanged(peer: string, state: StreamState): void {
    this.states.set(peer, state);
    this.told.push(state);
  }
}

/** A node that leads all shards. */
export class PrimaryNode {
  readonly folder: Folder;
  readonly senders: Senders;
  readonly led: readonly Led[];
  readonly #clock: FakeClock;

  static async start(disk: SimulatedDisk, world: CopyWorld): Promise<PrimaryNode> {
    const folder = new Folder(disk);
    await folder.open(world);
    return new PrimaryNode(folder, world);
  }

  private constructor(folder: Folder, { network, clock }: CopyWorld) {
    this.folder = folder;
    this.#clock = clock;
    this.led = SHARDS.map((shard) => new Led(shard, folder));
    this.senders = new Senders({
      network,
      clock,
      logger: QUIET,
      log: folder.log,
      identity: () => ({ id: "primary", cluster: CLUSTER }),
      timeMs: () => clock.nowMs(),
      run: "run",
    });
    for (const led of this.led) {
      led.store.listener = {
        onMutation: (mutation) => this.#append(led, mutation, led.history.sequence + 1),
      };
    }
  }

  /** From now on all shards go to the copies at `nodes`. */
  follow(...nodes: readonly FollowerNode[]): void {
    const peers = nodes.map(({ id, port }) => ({ id, host: "127.0.0.1", port }));
    for (const led of this.led) this.senders.follow(led, peers);
  }

  set(shard: number, key: string, value: string, expiresAtMs = 0): void {
    const { store } = this.led[shard]!;
    const mutation = mutationOf({ key, value, expiresAtMs });
    assert(store.set(store.hashOf(mutation.keyBytes, 0, mutation.keyEnd), mutation));
    this.folder.log.endRequest();
  }

  delete(shard: number, key: string): void {
    this.#change(shard, key, (store, row) => store.delete(row));
  }

  expire(shard: number, key: string, expiresAtMs: number): void {
    this.#change(shard, key, (store, row) => store.expire(row, expiresAtMs));
  }

  flush(shard: number): void {
    this.led[shard]!.store.flush();
    this.folder.log.endRequest();
  }

  /** Removes what has expired. */
  sweep(shard: number): void {
    this.led[shard]!.store.sweepExpired(this.#clock.nowMs(), 10_000, 100);
    this.folder.log.endRequest();
  }

  beginEpoch(shard: number, epoch: number): void {
    const led = this.led[shard]!;
    led.epoch = epoch;
    const mutation = new Mutation();
    mutation.kind = KIND_BEGIN_EPOCH;
    this.#append(led, mutation, led.history.sequence);
    this.folder.log.endRequest();
  }

  content(): unknown {
    return this.led.map(({ store, history }) => contentOf(store, history));
  }

  async stop(): Promise<void> {
    await this.senders.stop();
    await this.folder.log.close();
  }

  #change(shard: number, key: string, change: (store: Store, row: number) => void): void {
    const { store } = this.led[shard]!;
    const bytes = bytesOf(key);
    const row = store.find(store.hashOf(bytes, 0, bytes.length), bytes, 0, bytes.length, 0);
    if (row !== 0) change(store, row);
    this.folder.log.endRequest();
  }

  #append(led: Led, mutation: Mutation, sequence: number): Position {
    mutation.shard = led.shard;
    mutation.epoch = led.epoch;
    mutation.sequence = sequence;
    assertEquals(led.history.follow(mutation), "good record");
    const position = this.folder.log.append(mutation);
    this.senders.appended(mutation);
    return position;
  }
}

/** A copy that follows. */
class Followed implements FollowedCopy {
  readonly shard: number;
  readonly history: ShardHistory;
  readonly node: FollowerNode;
  isMember = false;
  position = 0;
  isFull = false;
  /** Where in the log it was whole, up to each sequence. */
  readonly #whole: { readonly sequence: number; readonly position: Position }[] = [];

  constructor(shard: number, node: FollowerNode) {
    this.shard = shard;
    this.node = node;
    this.history = node.folder.historyOf(shard);
    if (!this.history.isFilling) this.#whole.push({ sequence: this.history.sequence, position: 0 });
  }

  hasRoomFor(): boolean {
    return !this.isFull;
  }

  apply(mutation: Mutation): Position {
    const { log, stores } = this.node.folder;
    this.position = log.append(mutation);
    if (!this.history.isFilling) this.#whole.push({ sequence: mutation.sequence, position: this.position });
    stores.apply(mutation);
    return this.position;
  }

  acknowledging(): void {}

  /** Up to where a power loss leaves all that the shard had. */
  get durableSequence(): number {
    const { committedPosition } = this.node.folder.log;
    return this.#whole.findLast(({ position }) => position <= committedPosition)?.sequence ?? 0;
  }
}

/** A node whose copies follow. */
export class FollowerNode implements FollowedCopies {
  readonly folder: Folder;
  readonly id: string;
  readonly port: number;
  readonly copies: readonly Followed[];
  /** Epochs that are known, by shard: older ones are refused. */
  readonly epochs = SHARDS.map(() => 0);
  /** Batches that came. */
  batchCount = 0;
  readonly #receiver = new Receiver(this);
  readonly #listener: Listener;
  readonly #connections = new Set<Connection>();
  #isDead = false;

  static async start(
    disk: SimulatedDisk,
    world: CopyWorld,
    { id = "replica", port = 9001 } = {},
  ): Promise<FollowerNode> {
    const folder = new Folder(disk);
    await folder.open(world);
    return new FollowerNode(folder, world, { id, port });
  }

  private constructor(folder: Folder, { network }: CopyWorld, { id, port }: { id: string; port: number }) {
    this.folder = folder;
    this.id = id;
    this.port = port;
    this.copies = SHARDS.map((shard) => new Followed(shard, this));
    this.#listener = network.listen({ host: "127.0.0.1", port });
    void this.#accept();
  }

  ofShard(shard: number, epoch: number): FollowedCopy | number {
    const known = this.epochs[shard] ?? epoch;
    return epoch < known ? known : this.copies[shard] ?? epoch;
  }

  /** Breaks its connections. */
  cut(): void {
    for (const connection of this.#connections) (connection as unknown as { cut(): void }).cut();
    this.#connections.clear();
  }

  /** It is no more; what becomes of its disk is the test's. */
  die(): void {
    this.#isDead = true;
    this.#listener.close();
    this.cut();
  }

  content(): unknown {
    return this.copies.map(({ shard, history }) => contentOf(this.folder.storeOf(shard), history));
  }

  async #accept(): Promise<void> {
    for (let next = await this.#listener.accept(); next !== null; next = await this.#listener.accept()) {
      this.#connections.add(next);
      this.#serve(next).catch(() => {});
    }
  }

  async #serve(connection: Connection): Promise<void> {
    const decoder = new RequestDecoder();
    const buffer = new Uint8Array(64 * 1024);
    let bytes = new Uint8Array(0);
    /** Of the next request, once it is a link. */
    let number = -1;
    let writing = Promise.resolve();
    for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
      const joined = new Uint8Array(bytes.length + count);
      joined.set(bytes);
      joined.set(buffer.subarray(0, count), bytes.length);
      bytes = joined;
      let at = 0;
      while (at < bytes.length && !this.#isDead) {
        const next = decoder.decode(bytes, at, bytes.length);
        assert(next !== INVALID, decoder.error);
        if (next === INCOMPLETE) break;
        const own = number;
        const isLink = this.#word(decoder, 1) === "LINK";
        if (isLink || number >= 0) number++;
        const answered = this.#answer(decoder).then((reply) => {
          writing = writing.then(() => writeAll(connection, own < 0 ? reply : runOf(own, reply))).catch(
            () => {},
          );
        });
        if (own < 0) await answered;
        at = next;
      }
      bytes = bytes.subarray(at);
    }
  }

  #word(decoder: RequestDecoder, argument: number): string {
    return latin1Of(decoder.bytes, decoder.starts[argument]!, decoder.ends[argument]!);
  }

  /** The reply to a request, once it may leave. What it does is done at once. */
  async #answer(decoder: RequestDecoder): Promise<Uint8Array<ArrayBuffer>> {
    const { log } = this.folder;
    switch (this.#word(decoder, 1)) {
      case "IDENTITY":
        return bulk(bytesOf(JSON.stringify({
          ...{ id: this.id, cluster: CLUSTER, version: 1, maxMemoryBytes: 1, entries: 0, standalone: false },
        })));
      case "LINK":
        return bytesOf("+OK\r\n");
      case "PLACE": {
        const [shard, epoch] = [2, 3].map((argument) => Number(this.#word(decoder, argument)));
        const { json, error, position } = this.#receiver.place(shard!, epoch!);
        await log.whenCommitted(position);
        return error === "" ? bulk(bytesOf(json)) : bytesOf(`-${error}\r\n`);
      }
      default: {
        this.batchCount++;
        const received = this.#receiver.receive(decoder.bytes, decoder.starts[2]!, decoder.ends[2]!);
        log.endRequest();
        assertEquals(received.error, "");
        if (!await log.whenCommitted(received.position)) return bytesOf(`-READONLY ${log.failure}\r\n`);
        const output = new OutputBuffer();
        received.answer(output);
        return bulk(output.view());
      }
    }
  }
}

function bulk(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new OutputBuffer();
  output.ascii(`$${bytes.length}\r\n`);
  output.copy(bytes);
  output.ascii("\r\n");
  return output.view();
}

/** One reply as it travels on a link. */
function runOf(firstRequest: number, reply: Uint8Array): Uint8Array<ArrayBuffer> {
  const output = new OutputBuffer();
  output.reserve(RUN_HEADER_BYTES);
  output.length = RUN_HEADER_BYTES;
  output.copy(reply);
  writeRunHeader(output.bytes, 0, { firstRequest, count: 1, byteLength: reply.length });
  return output.view();
}
