/**
 * The topology as JSON text: how it lies in its file and travels to nodes. Every field is checked by name; what
 * is wrong is said with the field's path. Fields that are not known here are refused too, because a document of
 * a later program must not be cut down by being read and written again.
 */
import { RefusalError } from "../core/errors.ts";
import { NODE_COUNT_MAX, SHARD_COUNT_MAX } from "../core/limits.ts";
import {
  type Routing,
  type Topology,
  TOPOLOGY_FORMAT,
  type TopologyNode,
  type TopologyShard,
} from "./topology.ts";

const ADVICE = "restore the file from a backup, or give the version of Roundel that wrote it";

/** One line of JSON. */
export function serializeTopology(topology: Topology): string {
  return JSON.stringify(topology);
}

/** Inverse of {@linkcode serializeTopology}. Throws `RefusalError`; `source` names where the text came from. */
export function parseTopology(text: string, source: string): Topology {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refusal(source, "it is not JSON");
  }
  const fields = new Fields(value, "", source);
  const format = fields.integer("format", 1, Number.MAX_SAFE_INTEGER);
  if (format !== TOPOLOGY_FORMAT) {
    throw refusal(source, `format ${format} is not known here, only ${TOPOLOGY_FORMAT}`);
  }
  const topology: Topology = {
    format: TOPOLOGY_FORMAT,
    cluster: fields.text("cluster"),
    version: fields.integer("version", 1, Number.MAX_SAFE_INTEGER),
    routing: fields.oneOf("routing", ["slots", "round-robin"]) as Routing,
    shardCount: fields.integer("shardCount", 1, SHARD_COUNT_MAX),
    shardCapBytes: fields.integer("shardCapBytes", 1, Number.MAX_SAFE_INTEGER),
    nodes: fields.list("nodes", 1, NODE_COUNT_MAX, parseNode),
    shards: fields.list("shards", 0, SHARD_COUNT_MAX, parseShard),
  };
  fields.end();
  checkReferences(topology, source);
  return topology;
}

function parseNode(fields: Fields): TopologyNode {
  return {
    id: fields.text("id"),
    host: fields.text("host"),
    port: fields.integer("port", 1, 65_535),
    maxMemoryBytes: fields.integer("maxMemoryBytes", 1, Number.MAX_SAFE_INTEGER),
    stale: fields.boolean("stale"),
  };
}

function parseShard(fields: Fields): TopologyShard {
  return {
    epoch: fields.integer("epoch", 1, 0xffff_ffff),
    primary: fields.text("primary"),
    replicas: fields.texts("replicas"),
    inSync: fields.texts("inSync"),
  };
}

function checkReferences(topology: Topology, source: string): void {
  const ids = new Set(topology.nodes.map((node) => node.id));
  if (ids.size !== topology.nodes.length) throw refusal(source, "nodes: two have the same id");
  const addresses = new Set(topology.nodes.map((node) => `${node.host}:${node.port}`));
  if (addresses.size !== topology.nodes.length) throw refusal(source, "nodes: two have the same address");
  const expected = topology.routing === "slots" ? topology.shardCount : 0;
  if (topology.shards.length !== expected) {
    throw refusal(source, `shards: ${topology.shards.length} entries where ${expected} belong`);
  }
  topology.shards.forEach((shard, i) => {
    const copies = [shard.primary, ...shard.replicas];
    for (const id of [...copies, ...shard.inSync]) {
      if (!ids.has(id)) throw refusal(source, `shards[${i}]: node ${id} is not in the list of nodes`);
    }
    if (new Set(copies).size !== copies.length) {
      throw refusal(source, `shards[${i}]: a node keeps two copies of it`);
    }
    if (!shard.inSync.includes(shard.primary) || shard.inSync.some((id) => !copies.includes(id))) {
      throw refusal(source, `shards[${i}].inSync: not the primary and some of the replicas`);
    }
  });
}

/** One JSON object, read field by field. */
class Fields {
  readonly #object: Record<string, unknown>;
  readonly #path: string;
  readonly #source: string;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: string, source: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw refusal(source, `${path === "" ? "the document" : path} is not an object`);
    }
    this.#object = value as Record<string, unknown>;
    this.#path = path === "" ? "" : `${path}.`;
    this.#source = source;
  }

  text(name: string): string {
    const value = this.#take(name);
    if (typeof value !== "string" || value === "") throw this.#wrong(name, "a text", value);
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#take(name);
    if (typeof value !== "boolean") throw this.#wrong(name, "true or false", value);
    return value;
  }

  integer(name: string, min: number, max: number): number {
    const value = this.#take(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      throw this.#wrong(name, `an integer of ${min} to ${max}`, value);
    }
    return value;
  }

  oneOf(name: string, words: readonly string[]): string {
    const value = this.#take(name);
    if (typeof value !== "string" || !words.includes(value)) {
      throw this.#wrong(name, words.join(" or "), value);
    }
    return value;
  }

  texts(name: string): string[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) {
      throw this.#wrong(name, "a list of texts", value);
    }
    return value;
  }

  list<Item>(name: string, countMin: number, countMax: number, parse: (fields: Fields) => Item): Item[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.length < countMin || value.length > countMax) {
      throw this.#wrong(name, `a list of ${countMin} to ${countMax} entries`, value);
    }
    return value.map((item, i) => {
      const fields = new Fields(item, `${this.#path}${name}[${i}]`, this.#source);
      const parsed = parse(fields);
      fields.end();
      return parsed;
    });
  }

  /** Refuses fields that nobody asked for. */
  end(): void {
    for (const name of Object.keys(this.#object)) {
      if (!this.#read.has(name)) throw refusal(this.#source, `${this.#path}${name} is not known here`);
    }
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#object[name];
  }

  #wrong(name: string, expected: string, value: unknown): RefusalError {
    const shown = value === undefined ? "nothing" : JSON.stringify(value).slice(0, 60);
    return refusal(this.#source, `${this.#path}${name} must be ${expected}, and is ${shown}`);
  }
}

function refusal(source: string, what: string): RefusalError {
  return new RefusalError(`Cannot read the topology: ${source}: ${what}; ${ADVICE}`);
}
