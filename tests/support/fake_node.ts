/**
 * A node as a balancer sees it, on the simulated network: a map of keys behind a real request decoder. A test can
 * hold its replies back, script them, cut its connections, and read what it was asked.
 */
import { bytesOf, latin1Of } from "../../src/core/bytes.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { type Listener, writeAll } from "../../src/io/network.ts";
import { placeOfCursor, scanCursor, shardOfCursor } from "../../src/core/scan_cursor.ts";
import { shardOfSlot } from "../../src/core/shard_ranges.ts";
import { slotOfKey } from "../../src/core/slot.ts";
import { INCOMPLETE, INVALID, RequestDecoder } from "../../src/protocol/request_decoder.ts";
import { RUN_HEADER_BYTES, writeRunHeader } from "../../src/protocol/link_run.ts";
import { type LinkName, linkNameOf } from "../../src/protocol/roundel_exchange.ts";
import type { Topology } from "../../src/topology/topology.ts";
import { FakeCopies, FakeRefusals } from "./fake_copies.ts";
import type { SimulatedConnection, SimulatedNetwork } from "./simulated_network.ts";

/** The reply, in RESP 2, that a request gets; `null` = as the fake would answer by itself. */
export type Script = (args: readonly string[]) => string | null;

export class FakeNode {
  readonly port: number;
  id: string;
  cluster: string | null = null;
  topology: Topology | null = null;
  maxMemoryBytes = 64 * 1024 * 1024;
  standalone = false;
  /** What it keeps; with replicas, as far as this fake goes, the same as the others. */
  data = new Map<string, string>();
  readonly copies = new FakeCopies();
  /** Keys with a deadline, for INFO. */
  expires = 0;
  /** Every request but `ROUNDEL …`, in the order of arrival. */
  readonly requests: string[][] = [];
  /** How often it was sent a topology. */
  topologyCount = 0;
  /** How often it was asked how it is. */
  statusCount = 0;
  /** Why it takes no writes, as it says. */
  writeRefusal = "";
  /** Reads that brought something. */
  readCount = 0;
  script: Script = () => null;
  /** The error with which it refuses, on a link, to answer at length. */
  longReply: Script = () => null;
  /** What has to happen before a request is answered. */
  waitFor: (args: readonly string[]) => Promise<void> | undefined = () => undefined;
  readonly #network: SimulatedNetwork;
  readonly #connections = new Set<SimulatedConnection>();
  #listener: Listener | null = null;
  #isHolding = false;
  #isFrozen = false;
  #release: (() => void)[] = [];
  #thaw: (() => void)[] = [];
  readonly #links = new Map<SimulatedConnection, LinkName>();

  constructor(network: SimulatedNetwork, port: number, id = `node-${port}`) {
    this.#network = network;
    this.port = port;
    this.id = id;
  }

  /** Listens, and serves whoever connects. */
  start(): void {
    this.#listener = this.#network.listen({ host: "127.0.0.1", port: this.port });
    this.#accept(this.#listener);
  }

  /** Breaks every connection; new ones are welcome. Requests that it holds are lost, as in a crash. */
  cut(): void {
    for (const connection of this.#connections) connection.cut();
    this.#connections.clear();
    this.#release = [];
  }

  /** Dies, and is started again by whoever looks after it: another process with the same data. */
  restart(): void {
    this.stop();
    this.copies.restart(this.topology);
    this.start();
  }

  /** Is gone until it is started again. */
  stop(): void {
    this.#listener?.close();
    this.cut();
  }

  /** From now on it neither executes nor answers what comes, until {@linkcode FakeNode.release}. */
  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    for (const resolve of this.#release.splice(0)) resolve();
  }

  /** The process is stopped, as by SIGSTOP: its connections stay, and nothing is read or answered. */
  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const resolve of this.#thaw.splice(0)) resolve();
  }

  /** Names of the links that are open, as `lane/number`. */
  links(): string[] {
    return [...this.#links.values()].map(({ lane, number }) => `${lane}/${number}`);
  }

  /** Names of the commands it was asked, in the order of arrival. */
  commands(): string[] {
    return this.requests.map((args) => args[0]!.toUpperCase());
  }

  async #accept(listener: Listener): Promise<void> {
    while (true) {
      const connection = await listener.accept() as SimulatedConnection | null;
      if (connection === null) return;
      this.#connections.add(connection);
      this.#serve(connection).catch(() => {}).finally(() => this.#links.delete(connection));
    }
  }

  async #serve(connection: SimulatedConnection): Promise<void> {
    const decoder = new RequestDecoder();
    let bytes = new Uint8Array(0);
    const buffer = new Uint8Array(64 * 1024);
    let count: number | null;
    let number = -1;
    const refusals = new FakeRefusals();
    while ((count = await connection.read(buffer)) !== null) {
      while (this.#isFrozen) await new Promise<void>((resolve) => this.#thaw.push(resolve));
      this.readCount++;
      const joined = new Uint8Array(bytes.length + count);
      joined.set(bytes);
      joined.set(buffer.subarray(0, count), bytes.length);
      bytes = joined;
      let at = 0;
      while (at < bytes.length) {
        const next = decoder.decode(bytes, at, bytes.length);
        if (next === INVALID) throw new Error(`the balancer sent what is no request: ${decoder.error}`);
        if (next === INCOMPLETE) break;
        const args: string[] = [];
        for (let i = 0; i < decoder.argumentCount; i++) {
          args.push(latin1Of(decoder.bytes, decoder.starts[i]!, decoder.ends[i]!));
        }
        at = next;
        const isForNode = args[0] === "ROUNDEL";
        if (!isForNode) this.requests.push(args);
        if (this.#isHolding && !isForNode) await new Promise<void>((resolve) => this.#release.push(resolve));
        await this.waitFor(args);
        const isNamed = args[0] === "ROUNDEL" && args[1] === "LINK";
        const isNewLink = isNamed && !args[4]!.startsWith("bulk");
        const long = number < 0 ? null : this.longReply(args);
        const reply = long ?? this.script(args) ?? this.#refusal(args, refusals) ??
          (isNamed ? this.#link(connection, args) : this.#answer(args));
        await writeAll(connection, number < 0 ? bytesOf(reply) : runOf(number, reply));
        if (isNewLink || number >= 0) number++;
      }
      bytes = bytes.subarray(at);
    }
  }

  #info(): string {
    const keyspace = this.data.size === 0
      ? ""
      : `db0:keys=${this.data.size},expires=${this.expires},avg_ttl=0\r\n`;
    return `# Memory\r\nused_memory:100\r\nused_memory_peak:200\r\nused_memory_rss:300\r\nmaxmemory:400\r\n\r\n` +
      `# Persistence\r\nrdb_bgsave_in_progress:0\r\n\r\n# Keyspace\r\n${keyspace}`;
  }

  #answer(args: readonly string[]): string {
    const [name, key = "", value = ""] = args;
    switch (name!.toUpperCase()) {
      case "ROUNDEL":
        if (args[1] === "STATUS") return this.#status();
        if (args[1] === "FREEZE") return bulk(this.copies.freeze(this.topology!, this.id, args.slice(2)));
        if (args[1] === "RESUME") return "+OK\r\n";
        return args[1] === "IDENTITY" ? bulk(this.#identity()) : this.#adopt(args[2]!);
      case "PING":
        return "+PONG\r\n";
      case "SET":
        this.data.set(key, value);
        return "+OK\r\n";
      case "MSET":
        for (let i = 1; i < args.length; i += 2) this.data.set(args[i]!, args[i + 1]!);
        return "+OK\r\n";
      case "GET":
        return bulkOrNil(this.data.get(key));
      case "MGET":
        return array(args.slice(1).map((each) => bulkOrNil(this.data.get(each))));
      case "INCR":
        this.data.set(key, String(Number(this.data.get(key) ?? 0) + 1));
        return `:${this.data.get(key)}\r\n`;
      case "DEL":
        return `:${args.slice(1).filter((each) => this.data.delete(each)).length}\r\n`;
      case "EXISTS":
        return `:${args.slice(1).filter((each) => this.data.has(each)).length}\r\n`;
      case "INFO":
        return bulk(this.#info());
      case "DBSIZE":
        return `:${this.data.size}\r\n`;
      case "KEYS":
        return array([...this.data.keys()].map(bulk));
      case "SCAN":
        return this.#scan(Number(key));
      case "RANDOMKEY":
        return bulkOrNil([...this.data.keys()][0]);
      case "FLUSHALL":
        this.data.clear();
        return "+OK\r\n";
      case "SAVE":
        return "+OK\r\n";
      case "LASTSAVE":
        return `:${this.port}\r\n`;
      default:
        return `-ERR the fake node does not know ${name}\r\n`;
    }
  }

  /** One key of the cursor's shard a step; the order of the keys stands for hash order. */
  #scan(cursor: number): string {
    const shard = shardOfCursor(cursor);
    const isHere = (key: string) =>
      this.topology?.routing !== "slots" ||
      shardOfSlot(slotOfKey(bytesOf(key), 0, key.length), this.topology.shardCount) === shard;
    const keys = [...this.data.keys()].filter(isHere);
    const place = placeOfCursor(cursor);
    const next = place + 1 < keys.length ? scanCursor(shard, place + 1) : 0;
    return array([bulk(String(next)), array(keys.slice(place, place + 1).map(bulk))]);
  }

  #identity(): string {
    const { id, cluster, topology, maxMemoryBytes, data, port, standalone } = this;
    const version = topology?.version ?? 0;
    return JSON.stringify({ id, cluster, version, maxMemoryBytes, entries: data.size, port, standalone });
  }

  #status(): string {
    this.statusCount++;
    const { data, writeRefusal, topology } = this;
    const { incarnation } = this.copies;
    const version = topology?.version ?? 0;
    const copies = topology === null ? [] : this.copies.status(topology, this.id);
    return bulk(
      JSON.stringify({ entries: data.size, expiring: 0, writeRefusal, incarnation, version, copies }),
    );
  }

  /** With replicas a node serves only what it leads. */
  #refusal(args: readonly string[], refusals: FakeRefusals): string | null {
    if (args[0] === "ROUNDEL" && args[1] === "RESUME") refusals.resume(args.slice(2));
    const { topology } = this;
    const isKeyed = args.length > 1 && !["ROUNDEL", "INFO", "SCAN", "KEYS"].includes(args[0]!);
    if (!isKeyed || !topology?.shards.some(({ replicas }) => replicas.length > 0)) return null;
    const shard = shardOfSlot(slotOfKey(bytesOf(args[1]!), 0, args[1]!.length), topology.shardCount);
    const copies = this.copies.status(topology, this.id);
    return refusals.refusalOf(shard, copies, topology.shards[shard]!.primary);
  }

  /** Closes older links of the balancer, as a node does; connections that are cut off show it later. */
  #link(connection: SimulatedConnection, args: readonly string[]): string {
    const name = linkNameOf(args.slice(2))!;
    for (const [other, { balancer, run, lane, number }] of this.#links) {
      if (balancer !== name.balancer) continue;
      if (run !== name.run || (lane === name.lane && number < name.number)) other.close();
    }
    this.#links.set(connection, name);
    return "+OK\r\n";
  }

  #adopt(json: string): string {
    this.topology = JSON.parse(json);
    this.cluster = this.topology!.cluster;
    this.topologyCount++;
    return "+OK\r\n";
  }
}

/** One reply as it travels on a link. */
function runOf(firstRequest: number, reply: string): Uint8Array<ArrayBuffer> {
  const output = new OutputBuffer();
  output.reserve(RUN_HEADER_BYTES);
  output.length = RUN_HEADER_BYTES;
  output.copy(bytesOf(reply));
  writeRunHeader(output.bytes, 0, { firstRequest, count: 1, byteLength: output.length - RUN_HEADER_BYTES });
  return output.view();
}

export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export function array(items: readonly string[]): string {
  return `*${items.length}\r\n${items.join("")}`;
}

function bulkOrNil(text: string | undefined): string {
  return text === undefined ? "$-1\r\n" : bulk(text);
}
