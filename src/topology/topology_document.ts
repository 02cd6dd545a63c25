/**
 * The topology as JSON text: how it lies in its file and travels to nodes. Every field is checked by name; what
 * is wrong is said with the field's path. Fields that are not known here are refused too, because a document of
 * a later program must not be cut down by being read and written again.
 */
import { RefusalError } from "../core/errors.ts";
import { parseHashSeed } from "../core/key_hash.ts";
import { type JsonFields, parseFields } from "../core/json_fields.ts";
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
  const fields = parseFields(text, (what) => refusal(source, what));
  const format = fields.integer("format", 1, Number.MAX_SAFE_INTEGER);
  if (format !== TOPOLOGY_FORMAT) {
    throw refusal(source, `format ${format} is not known here, only ${TOPOLOGY_FORMAT}`);
  }
  const topology: Topology = {
    format: TOPOLOGY_FORMAT,
    cluster: fields.text("cluster"),
    hashSeed: hashSeedOf(fields.text("hashSeed"), source),
    version: fields.integer("version", 1, Number.MAX_SAFE_INTEGER),
    routing: fields.oneOf<Routing>("routing", ["slots", "round-robin"]),
    shardCount: fields.integer("shardCount", 1, SHARD_COUNT_MAX),
    shardCapBytes: fields.integer("shardCapBytes", 1, Number.MAX_SAFE_INTEGER),
    nodes: fields.list("nodes", [1, NODE_COUNT_MAX], parseNode),
    shards: fields.list("shards", [0, SHARD_COUNT_MAX], parseShard),
  };
  fields.end();
  checkReferences(topology, source);
  return topology;
}

function hashSeedOf(text: string, source: string): string {
  if (parseHashSeed(text) !== null) return text;
  throw refusal(
    source,
    `hashSeed must be 16 hexadecimal digits, and is ${JSON.stringify(text.slice(0, 60))}`,
  );
}

function parseNode(fields: JsonFields): TopologyNode {
  return {
    id: fields.text("id"),
    host: fields.text("host"),
    port: fields.integer("port", 1, 65_535),
    maxMemoryBytes: fields.integer("maxMemoryBytes", 1, Number.MAX_SAFE_INTEGER),
    stale: fields.boolean("stale"),
  };
}

function parseShard(fields: JsonFields): TopologyShard {
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

function refusal(source: string, what: string): RefusalError {
  return new RefusalError(`Cannot read the topology: ${source}: ${what}; ${ADVICE}`);
}
