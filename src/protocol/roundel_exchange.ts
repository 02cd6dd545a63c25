/**
 * What a balancer and a node say to each other beside the requests of clients, from one definition for both sides:
 *
 *     ROUNDEL IDENTITY                                → JSON of NodeIdentity: who the node is
 *     ROUNDEL STATUS                                  → JSON of NodeStatus: how it is, asked several times a second
 *     ROUNDEL TOPOLOGY <json>                         → OK once the node has adopted the document durably
 *     ROUNDEL FREEZE <shard> <epoch> …                → JSON of FrozenPlaces: from now on the node acknowledges nothing of
 *                                                       that epoch or an older one of the shard, and does not lead in it
 *     ROUNDEL RESUME <shard> …                        → OK; see below
 *     ROUNDEL LINK <balancer> <run> <lane> <number>   → OK; from here on the connection is a link, see `link_run.ts`
 *     -LARGE <bytes>                                  what a link answers to a request whose reply would be of so many
 *                                                     bytes: it was not executed; the reply is fetched by a bulk lane
 *
 * Each link has a name: the balancer's id, the run of its process, the lane (a balancer has several links to a node, for
 * different purposes), and a number that grows with each connection of the lane. Before a node answers `LINK` it closes
 * every link of the same balancer from another run, and those of the same run and lane with a smaller number, and it
 * runs none of their requests any more: so what a balancer has given up for lost stays lost. On a lane whose name begins
 * with `bulk` replies have no runs: they are as any client gets them, one request at a time.
 *
 * Once a node has refused a request of a shard on a link, with `TRYAGAIN` because it does not serve the shard just now, or
 * with `MOVED`, it refuses all later ones of that shard on that link, until it is told to `RESUME` there. The balancer says
 * so in front of the requests that it sends again, when all of the shard that were under way on the link have come back:
 * so none of them overtakes another.
 */
import { RefusalError } from "../core/errors.ts";
import { type JsonFields, parseFields } from "../core/json_fields.ts";
import { SHARD_COUNT_MAX } from "../core/limits.ts";

/** Longest id of a balancer or a run, and longest lane. */
const ID_CHARACTERS_MAX = 64;
const ID = /^[\x21-\x7e]+$/;
const NUMBER = /^(0|[1-9]\d{0,14})$/;

export interface NodeIdentity {
  /** UUID, made with the node's data folder. */
  readonly id: string;
  /** The cluster that the node belongs to. */
  readonly cluster: string | null;
  /** Version of the topology that it has adopted; 0 before the first. */
  readonly version: number;
  readonly maxMemoryBytes: number;
  /** Entries that it keeps. */
  readonly entries: number;
  /** Started for use without a balancer. */
  readonly standalone: boolean;
}

export interface NodeStatus {
  /** Entries that it keeps, and those of them that have an expiry. */
  readonly entries: number;
  readonly expiring: number;
  /** Why it takes no writes; `""` while it does. */
  readonly writeRefusal: string;
  /** UUID of this run of its process. */
  readonly incarnation: string;
  /** Version of the topology that it has adopted; 0 before the first. */
  readonly version: number;
  /** Of every shard that it keeps. */
  readonly copies: readonly CopyStatus[];
}

/** Where a copy stands in its shard's history. */
export interface CopyPlace {
  readonly shard: number;
  /** Of the newest mutation that it has, and the epoch in which that was made. */
  readonly sequence: number;
  readonly lastEpoch: number;
  /** It is being filled, and knows only a part of what was there before. */
  readonly isFilling: boolean;
  /**
   * It may lack mutations that it has acknowledged: with `--fsync everysec` or `no` its machine was restarted before the
   * node was stopped in order, and it was not brought up to date since.
   */
  readonly mayLack: boolean;
}

/** A copy as its node tells of it. */
export interface CopyStatus extends CopyPlace {
  /** The shard's epoch in the topology that the node has adopted. */
  readonly epoch: number;
  /** What the node is to the shard in that topology. */
  readonly role: "primary" | "replica";
  /** It leads in that epoch, though it may still wait until it may open. A new run of a process does not. */
  readonly isLeading: boolean;
  /** It answers clients. */
  readonly isOpen: boolean;
  /** Ids of nodes that it, as primary, proposes to take into the in-sync set in that epoch, and to take out of it. */
  readonly join: readonly string[];
  readonly leave: readonly string[];
}

/** What a node answers to `FREEZE`. */
export interface FrozenPlaces {
  /** As in its status: another run has forgotten what it was asked. */
  readonly incarnation: string;
  readonly places: readonly FrozenPlace[];
}

export interface FrozenPlace extends CopyPlace {
  /** The epoch that it is frozen in, at least. */
  readonly epoch: number;
}

export interface LinkName {
  readonly balancer: string;
  readonly run: string;
  readonly lane: string;
  readonly number: number;
}

/** How the names of lanes begin whose connections are none of links otherwise. */
export const BULK_LANE = "bulk";
/** The kind of error that stands for a reply that is too long for a link. */
export const LARGE_KIND = "LARGE";

export const IDENTITY_REQUEST: readonly string[] = ["ROUNDEL", "IDENTITY"];
export const STATUS_REQUEST: readonly string[] = ["ROUNDEL", "STATUS"];

export function topologyRequest(json: string): string[] {
  return ["ROUNDEL", "TOPOLOGY", json];
}

/** `shards` by their numbers, each with the epoch that is over. */
export function freezeRequest(shards: ReadonlyMap<number, number>): string[] {
  return ["ROUNDEL", "FREEZE", ...[...shards].flat().map(String)];
}

export function resumeRequest(shards: readonly number[]): string[] {
  return ["ROUNDEL", "RESUME", ...shards.map(String)];
}

export function linkRequest({ balancer, run, lane, number }: LinkName): string[] {
  return ["ROUNDEL", "LINK", balancer, run, lane, String(number)];
}

/** Inverse of {@linkcode linkRequest}, from its last four arguments; `null` when they name no link. */
export function linkNameOf(args: readonly string[]): LinkName | null {
  const [balancer = "", run = "", lane = "", number = ""] = args;
  const areIds = [balancer, run, lane].every((id) => ID.test(id) && id.length <= ID_CHARACTERS_MAX);
  if (args.length !== 4 || !areIds || !NUMBER.test(number)) return null;
  return { balancer, run, lane, number: Number(number) };
}

/** What `json`, which a node answered, says about it. Throws `RefusalError` when it says something else. */
export function parseIdentity(json: string): NodeIdentity {
  const fields = parseFields(json, (what) => new RefusalError(`Cannot read a node's identity: ${what}`));
  return {
    id: fields.text("id"),
    cluster: fields.textOrNull("cluster"),
    version: fields.integer("version"),
    maxMemoryBytes: fields.integer("maxMemoryBytes"),
    entries: fields.integer("entries"),
    standalone: fields.boolean("standalone"),
  };
}

/** As {@linkcode parseIdentity}, for its status. */
export function parseStatus(json: string): NodeStatus {
  const fields = parseFields(json, (what) => new RefusalError(`Cannot read a node's status: ${what}`));
  return {
    entries: fields.integer("entries"),
    expiring: fields.integer("expiring"),
    writeRefusal: fields.anyText("writeRefusal"),
    incarnation: fields.text("incarnation"),
    version: fields.integer("version"),
    copies: fields.list("copies", [0, SHARD_COUNT_MAX], (copy): CopyStatus => ({
      ...placeIn(copy),
      epoch: copy.integer("epoch"),
      role: copy.oneOf("role", ["primary", "replica"]),
      isLeading: copy.boolean("isLeading"),
      isOpen: copy.boolean("isOpen"),
      join: copy.texts("join"),
      leave: copy.texts("leave"),
    })),
  };
}

/** As {@linkcode parseIdentity}, for where its copies were frozen. */
export function parseFrozen(json: string): FrozenPlaces {
  const fields = parseFields(json, (what) => new RefusalError(`Cannot read where a node is frozen: ${what}`));
  return {
    incarnation: fields.text("incarnation"),
    places: fields.list("places", [0, SHARD_COUNT_MAX], (place) => ({
      ...placeIn(place),
      epoch: place.integer("epoch"),
    })),
  };
}

function placeIn(fields: JsonFields): CopyPlace {
  return {
    shard: fields.integer("shard", 0, SHARD_COUNT_MAX - 1),
    sequence: fields.integer("sequence"),
    lastEpoch: fields.integer("lastEpoch"),
    isFilling: fields.boolean("isFilling"),
    mayLack: fields.boolean("mayLack"),
  };
}
