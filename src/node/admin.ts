/**
 * `ROUNDEL …`, with which a balancer steers a node: the node's side of `protocol/roundel_exchange.ts`. What it answers
 * while it reads its data: `loading_room.ts`.
 *
 * Which documents are refused, and how: `topology/topology_check.ts`.
 */
import type { CommandContext } from "../commands/context.ts";
import { messageOf, RefusalError } from "../core/errors.ts";
import { textOf } from "../core/bytes.ts";
import { argumentIs } from "../protocol/arguments.ts";
import { linkNameOf, type NodeIdentity, type NodeStatus } from "../protocol/roundel_exchange.ts";
import { parseTopology } from "../topology/topology_document.ts";
import type { Topology } from "../topology/topology.ts";
import type { LinkRegistry } from "./link_registry.ts";
import type { ReplicaAdmin } from "./replica_admin.ts";

/** What the node lets a balancer know and do. */
export interface AdminTarget {
  identity(): NodeIdentity;
  status(): Omit<NodeStatus, "writeRefusal">;
  readonly standalone: boolean;
  /** Names this run of the process. */
  readonly incarnation: string;
  /** Resolves when the document is adopted and durable, to ""; or to the error reply of one that must not be. */
  adopt(topology: Topology): Promise<string>;
}

export interface AdminRequest {
  readonly context: CommandContext;
  readonly links: LinkRegistry;
  readonly replicas: ReplicaAdmin;
  /** Why the node takes no writes; empty while it does. */
  readonly writeRefusal: () => string;
}

export function runAdmin(
  target: AdminTarget,
  { context, links, replicas, writeRefusal }: AdminRequest,
): void | Promise<void> {
  const { request, reply } = context;
  if (argumentIs(request, 1, "APPEND") && request.argumentCount === 3) {
    return replicas.append(context, writeRefusal());
  }
  if (argumentIs(request, 1, "STATUS") && request.argumentCount === 2) {
    const status: NodeStatus = { ...target.status(), writeRefusal: writeRefusal() };
    return reply.bulkText(JSON.stringify(status));
  }
  if (argumentIs(request, 1, "IDENTITY") && request.argumentCount === 2) {
    return reply.bulkText(JSON.stringify(target.identity()));
  }
  if (argumentIs(request, 1, "TOPOLOGY") && request.argumentCount === 3) {
    return adopt(target, context, textOf(request.bytes, request.starts[2]!, request.ends[2]!));
  }
  if (argumentIs(request, 1, "LINK") && request.argumentCount === 6) return becomeLink(links, context);
  if (argumentIs(request, 1, "PLACE") && request.argumentCount === 4) {
    return replicas.place(context, writeRefusal());
  }
  if (argumentIs(request, 1, "FREEZE") && request.argumentCount >= 4) {
    return replicas.freeze(context, target.incarnation);
  }
  if (argumentIs(request, 1, "RESUME") && request.argumentCount >= 3) return replicas.resume(context);
  return reply.error(
    "ERR ROUNDEL takes STATUS, IDENTITY, TOPOLOGY <json>, LINK <balancer id> <run> <lane> <number>, " +
      "PLACE <shard> <epoch>, APPEND <batch>, FREEZE <shard> <epoch> … or RESUME <shard> …",
  );
}

function becomeLink(links: LinkRegistry, { request, session, reply }: CommandContext): void {
  const name = linkNameOf(
    [2, 3, 4, 5].map((i) => textOf(request.bytes, request.starts[i]!, request.ends[i]!)),
  );
  if (name === null) {
    return reply.error("ERR The number of a link is an integer from 0 on, and its ids are short words");
  }
  if (request.isLine) return reply.error("ERR A link speaks RESP");
  const refusal = links.open(session, name);
  if (refusal === "") reply.ok();
  else reply.error(refusal);
}

async function adopt(target: AdminTarget, { reply }: CommandContext, json: string): Promise<void> {
  try {
    const topology = parseTopology(json, "the topology");
    if (target.standalone) {
      return reply.error("FOREIGN This node runs with --standalone and belongs to no cluster");
    }
    const refusal = await target.adopt(topology);
    if (refusal === "") reply.ok();
    else reply.error(refusal);
  } catch (error) {
    // A disk that is full just now is told, too; whoever sent the document tries again.
    const what = error instanceof RefusalError ? "" : "Cannot keep the topology: ";
    reply.error(`ERR ${what}${messageOf(error)}`);
  }
}
