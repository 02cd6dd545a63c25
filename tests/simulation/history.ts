/** What all clients were told, by key, and whether it can be. */
import { judge, type Operation } from "../support/linearizability.ts";
import { textOf } from "../../src/core/bytes.ts";
import type { ReplyValue } from "../../src/protocol/reply_scanner.ts";
import { show } from "../support/resp_client.ts";
import type { KeyOperation, Request } from "./workload.ts";

/** What refuses a request before it runs. */
const REFUSALS = ["READONLY", "CLUSTERDOWN", "LOADING", "TRYAGAIN", "MOVED", "NOREPLICAS"];
/** A search through a history gives up after this many steps. */
const STEPS_MAX = 300_000;

/** When a reply was heard, and whether it came from a node itself. */
export interface Hearing {
  readonly stamp: number;
  readonly isDirect: boolean;
}

export class History {
  readonly #byKey = new Map<string, Set<Operation>>();
  /** By key, what a balancer's client was told to be uncertain, and when. */
  readonly #uncertain = new Map<string, { readonly operation: Operation; readonly toldAt: number }[]>();
  readonly violations: string[] = [];
  /** Replies by their first word, of errors; "answered" of all others. */
  readonly counts = new Map<string, number>();
  /** Of histories that were too entangled to judge. */
  undecidedCount = 0;

  get operationCount(): number {
    let count = 0;
    for (const operations of this.#byKey.values()) count += operations.size;
    return count;
  }

  called(operations: readonly KeyOperation[], stamp: number): void {
    for (const { key, operation } of operations) {
      (operation as { calledAt: number }).calledAt = stamp;
      const history = this.#byKey.get(key);
      if (history === undefined) this.#byKey.set(key, new Set([operation]));
      else history.add(operation);
    }
  }

  /**
   * Returns the port to which the client was sent, if it was. Once a balancer has told that a write is uncertain, the
   * next answer that it has for the key settles it: what was given up is not done any more.
   */
  answered({ args, operations }: Request, reply: ReplyValue, { stamp, isDirect }: Hearing): number | null {
    if (reply.kind === "error") {
      if (reply.text.startsWith("UNCERTAIN") && !isDirect) this.#toldUncertain(operations, stamp);
      return this.#refused(args, operations, reply.text);
    }
    this.#count("answered");
    const replies = reply.kind === "array" ? reply.items : [reply];
    const isUnderstood = replies.length === operations.length &&
      operations.every(({ operation }, i) => understand(operation, replies[i]!));
    if (!isUnderstood) this.violations.push(`wrong reply to ${args.join(" ")}: ${show(reply)}`);
    else for (const { operation } of operations) operation.returnedAt = stamp;
    if (!isDirect) { for (const { key, operation } of operations) this.#settle(key, operation); }
    return null;
  }

  /** Adds to `violations` what cannot be. */
  judge(): void {
    for (const [key, operations] of this.#byKey) {
      const verdict = judge([...operations], STEPS_MAX);
      if (verdict === "undecided") this.undecidedCount++;
      if (verdict !== "violation") continue;
      this.violations.push(`history of ${key} is not linearizable:\n${shortestBad(operations).join("\n")}`);
    }
  }

  #toldUncertain(operations: readonly KeyOperation[], toldAt: number): void {
    for (const { key, operation } of operations) {
      const uncertain = this.#uncertain.get(key) ?? [];
      this.#uncertain.set(key, uncertain);
      uncertain.push({ operation, toldAt });
    }
  }

  #settle(key: string, by: Operation): void {
    for (const { operation, toldAt } of this.#uncertain.get(key) ?? []) {
      if (by.calledAt > toldAt) operation.settledAt ??= by.returnedAt;
    }
  }

  #refused(args: readonly string[], operations: readonly KeyOperation[], text: string): number | null {
    const word = text.split(" ")[0]!;
    this.#count(word);
    if (word === "UNCERTAIN") return null;
    // It did not run: what it would have written must never be seen.
    for (const { key, operation } of operations) this.#byKey.get(key)!.delete(operation);
    if (!REFUSALS.includes(word)) this.violations.push(`wrong reply to ${args.join(" ")}: -${text}`);
    return word === "MOVED" ? Number(text.slice(text.lastIndexOf(":") + 1)) : null;
  }

  #count(word: string): void {
    this.counts.set(word, (this.counts.get(word) ?? 0) + 1);
  }
}

/** Notes the answer; `false` for one that the operation cannot have. */
function understand(operation: Operation, reply: ReplyValue): boolean {
  switch (operation.kind) {
    case "set":
      return reply.kind === "simple" && reply.text === "OK";
    case "setnx":
      operation.result = reply.kind === "simple";
      return reply.kind === "nil" || (reply.kind === "simple" && reply.text === "OK");
    case "get":
      operation.result = reply.kind === "bulk" ? textOf(reply.bytes) : null;
      return reply.kind === "bulk" || reply.kind === "nil";
    case "incr":
      operation.result = show(reply);
      return reply.kind === "integer";
    case "append":
      operation.result = Number(show(reply));
      return reply.kind === "integer";
    case "del":
      operation.result = show(reply) === "1";
      return reply.kind === "integer" && (show(reply) === "0" || show(reply) === "1");
  }
}

/** The end of the shortest beginning of a history that cannot be, a line for each operation. */
function shortestBad(operations: Iterable<Operation>): string[] {
  const all = [...operations].sort((a, b) => a.calledAt - b.calledAt);
  const ends = all.map(({ returnedAt }) => returnedAt).filter((at) => at !== Infinity).sort((a, b) => a - b);
  let [low, high] = [0, ends.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (judge(beginningOf(all, ends[middle]!), STEPS_MAX) === "violation") high = middle;
    else low = middle + 1;
  }
  return beginningOf(all, ends[low]!).slice(-LINES_SHOWN).map((operation) =>
    `    ${JSON.stringify(operation)}`
  );
}

const LINES_SHOWN = 24;

/** The history as it was known at `at`. */
function beginningOf(all: readonly Operation[], at: number): Operation[] {
  return all.filter(({ calledAt }) => calledAt <= at)
    .map((operation) => {
      const isKnown = operation.returnedAt <= at || (operation.settledAt ?? Infinity) <= at;
      return isKnown ? operation : forgotten(operation);
    });
}

function forgotten(operation: Operation): Operation {
  const copy = { ...operation, returnedAt: Infinity };
  delete copy.settledAt;
  if ("result" in copy) copy.result = undefined;
  return copy;
}
