/** What a node answers to `ROUNDEL IDENTITY`: who it is, and what it knows. */
import { textOf } from "../core/bytes.ts";
import { RefusalError } from "../core/errors.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";

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

/** Reads the reply of the node at `address`. Throws `RefusalError` when it is none of ours. */
export function identityOf(reply: ReplyValue, address: string): NodeIdentity {
  const fields = reply.kind === "bulk" ? fieldsOf(textOf(reply.bytes)) : {};
  const { id, cluster, version, maxMemoryBytes, entries, standalone } = fields;
  if (
    typeof id !== "string" || (typeof cluster !== "string" && cluster !== null) ||
    typeof version !== "number" ||
    typeof maxMemoryBytes !== "number" || typeof entries !== "number" || typeof standalone !== "boolean"
  ) {
    throw new RefusalError(
      `Cannot use node ${address}: what listens there is not a node of Roundel; start one there with ` +
        "`deno task node`, or correct --node",
    );
  }
  return { id, cluster, version, maxMemoryBytes, entries, standalone };
}

function fieldsOf(json: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(json));
  } catch {
    return {};
  }
}
