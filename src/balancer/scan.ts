/**
 * SCAN over all nodes: shard by shard, each at the node that keeps it. The balancer's cursor names a part of the key
 * space, which is a shard, and a place in it; where nodes share no shards (round-robin), each node is a part.
 *
 * A node answers about one shard at a time. While there are fewer keys than COUNT asks for, the next part is asked too.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { SCAN_PARTS_PER_CALL } from "../core/limits.ts";
import { placeOfCursor, scanCursor, shardOfCursor } from "../core/scan_cursor.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { failureText, itemsOf, type Part } from "./merge.ts";

const CURSOR = /^\d{1,20}$/;
const COUNT = /^\d{1,10}$/;
const COUNT_DEFAULT = 10;

/** A part of the key space, and who keeps it at present. */
export interface ScanPart {
  /** Number of the shard that it is to that node. */
  readonly shard: number;
  /** Name of the node. */
  readonly node: string;
  ask(args: readonly Uint8Array[]): Promise<ReplyValue>;
}

export interface ScanPlan {
  readonly partCount: number;
  /** A part, of those from 0 on; `null` where nobody may be asked, which is passed over. */
  partAt(index: number): ScanPart | null;
}

/** Answers `SCAN cursor …`, whose words are `args`. */
export async function scan(args: readonly Uint8Array[], plan: ScanPlan): Promise<ReplyValue> {
  const [name, cursorText, ...options] = args;
  const text = textOf(cursorText!);
  if (!CURSOR.test(text) || BigInt(text) >= 1n << 64n) return { kind: "error", text: "ERR invalid cursor" };
  const wanted = countOf(options);
  const found: ReplyValue[] = [];
  const cursor = Number(text);
  let part = cursor === 0 ? 0 : shardOfCursor(cursor);
  let place = placeOfCursor(cursor);
  if (part < 0) return scanReply(0, []);
  for (let asked = 0; part < plan.partCount && asked < SCAN_PARTS_PER_CALL && found.length < wanted;) {
    const at = plan.partAt(part);
    if (at !== null) {
      const words = [name!, bytesOf(String(scanCursor(at.shard, place))), ...options];
      const answer = { node: at.node, value: await at.ask(words) };
      const [next, keys] = itemsOf(answer);
      if (next?.kind !== "bulk" || keys?.kind !== "array") {
        // What was found is not lost: the next call meets the failure again, or not.
        return found.length > 0 ? scanReply(scanCursor(part, place), found) : failureOf(answer);
      }
      asked++;
      for (const key of keys.items) found.push(key);
      const nodeCursor = Number(textOf(next.bytes));
      if (shardOfCursor(nodeCursor) === at.shard) {
        return scanReply(scanCursor(part, placeOfCursor(nodeCursor)), found);
      }
    }
    part++;
    place = 0;
  }
  return scanReply(part < plan.partCount ? scanCursor(part, place) : 0, found);
}

/** How many keys are asked for. A count that is none is for the nodes to refuse. */
function countOf(options: readonly Uint8Array[]): number {
  let count = COUNT_DEFAULT;
  for (let at = 0; at + 1 < options.length; at += 2) {
    const value = textOf(options[at + 1]!);
    if (textOf(options[at]!).toUpperCase() === "COUNT" && COUNT.test(value)) {
      count = Math.max(1, Number(value));
    }
  }
  return count;
}

function failureOf(answer: Part): ReplyValue {
  if (answer.value.kind !== "error") return { kind: "error", text: `ERR SCAN failed on node ${answer.node}` };
  // What is wrong with the request itself needs no node's name.
  if (answer.value.text.startsWith("ERR ")) return answer.value;
  return { kind: "error", text: failureText("SCAN", answer) };
}

function scanReply(cursor: number, items: ReplyValue[]): ReplyValue {
  return {
    kind: "array",
    items: [{ kind: "bulk", bytes: bytesOf(String(cursor)) }, { kind: "array", items }],
  };
}
