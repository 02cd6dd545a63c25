/**
 * What a balancer and a node say to each other beside the requests of clients, from one definition for both sides:
 *
 *     ROUNDEL IDENTITY                                → JSON of NodeIdentity: who the node is
 *     ROUNDEL STATUS                                  → JSON of NodeStatus: how it is, asked several times a second
 *     ROUNDEL TOPOLOGY <json>                         → OK once the node has adopted the document durably
 *     ROUNDEL LINK <balancer> <run> <lane> <number>   → OK; from here on the connection is a link, see `link_run.ts`
 *
 * Each link has a name: the balancer's id, the run of its process, the lane (a balancer has several links to a node, for
 * different purposes), and a number that grows with each connection of the lane. Before a node answers `LINK` it closes
 * every link of the same balancer from another run, and those of the same run and lane with a smaller number, and it
 * runs none of their requests any more: so what a balancer has given up for lost stays lost.
 */
import { RefusalError } from "../core/errors.ts";
import { parseFields } from "../core/json_fields.ts";

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
}

export interface LinkName {
  readonly balancer: string;
  readonly run: string;
  readonly lane: string;
  readonly number: number;
}

export const IDENTITY_REQUEST: readonly string[] = ["ROUNDEL", "IDENTITY"];
export const STATUS_REQUEST: readonly string[] = ["ROUNDEL", "STATUS"];

export function topologyRequest(json: string): string[] {
  return ["ROUNDEL", "TOPOLOGY", json];
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
  };
}
