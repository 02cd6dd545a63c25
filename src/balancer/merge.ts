/**
 * How the replies of several nodes to the parts of one request become its one reply. A part that failed fails the
 * whole: the error keeps its kind (`UNCERTAIN`, `OOM` …) in front and names the node; when other parts of a write
 * were applied, it says so.
 */
import type { ReplyValue } from "../protocol/reply_scanner.ts";

/** What one node answered. */
export interface Part {
  /** `host:port`. */
  readonly node: string;
  readonly value: ReplyValue;
}

/** How to make one value of parts that all succeeded. */
export type Merge = (parts: readonly Part[]) => ReplyValue;

export interface Merged {
  readonly command: string;
  readonly isWrite: boolean;
}

/** Merges `parts`, of which there is at least one, or tells which failed. */
export function mergeParts(parts: readonly Part[], { command, isWrite }: Merged, merge: Merge): ReplyValue {
  const failed = parts.filter((part) => part.value.kind === "error");
  if (failed.length === 0) return merge(parts);
  const common = textOfError(failed[0]!);
  // What every node says alike is about the request, or as true of all of them: it needs no node's name.
  if (failed.length === parts.length && failed.every((part) => textOfError(part) === common)) {
    return failed[0]!.value;
  }
  const worst = failed.find((part) => textOfError(part).startsWith("UNCERTAIN ")) ?? failed[0]!;
  const text = failureText(command, worst);
  return {
    kind: "error",
    text: isWrite && failed.length < parts.length ? `${text} (it was applied on other nodes)` : text,
  };
}

/** `KIND COMMAND failed on node HOST:PORT: what the node said`. */
export function failureText(command: string, part: Part): string {
  const text = textOfError(part);
  const blank = text.indexOf(" ");
  const kind = blank > 0 && /^[A-Z]+$/.test(text.slice(0, blank)) ? text.slice(0, blank) : "ERR";
  const rest = text.startsWith(`${kind} `) ? text.slice(kind.length + 1) : text;
  return `${kind} ${command} failed on node ${part.node}: ${rest}`;
}

/** Integers, added. */
export const sum: Merge = (parts) => ({
  kind: "integer",
  value: parts.reduce((total, part) => total + integerOf(part), 0),
});

/** The smallest integer. */
export const minimum: Merge = (parts) => ({ kind: "integer", value: Math.min(...parts.map(integerOf)) });

/** The first of replies that all say the same. */
export const first: Merge = (parts) => parts[0]!.value;

/** Arrays whose items belong to the places that `positions` gives, for each part. */
export function placed(positions: readonly (readonly number[])[]): Merge {
  return (parts) => {
    const items: ReplyValue[] = [];
    parts.forEach((part, i) => itemsOf(part).forEach((item, j) => items[positions[i]![j]!] = item));
    return { kind: "array", items };
  };
}

/** The items of an array reply; none of any other. */
export function itemsOf(part: Part): readonly ReplyValue[] {
  return part.value.kind === "array" ? part.value.items : [];
}

function integerOf(part: Part): number {
  return part.value.kind === "integer" ? Number(part.value.value) : 0;
}

function textOfError(part: Part): string {
  return part.value.kind === "error" ? part.value.text : "";
}
