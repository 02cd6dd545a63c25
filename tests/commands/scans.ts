import { assert } from "@std/assert";
import type { Bench, Word } from "./support.ts";

/** Keys in a reply, in its order. */
export function keysIn(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n(.*)\r\n/g)].map((match) => match[1]!);
}

/** One SCAN: the next cursor, and the keys. */
export function scan(bench: Bench, cursor: string, ...options: Word[]): [cursor: string, keys: string[]] {
  const reply = bench.run("SCAN", cursor, ...options);
  const parts = /^\*2\r\n\$\d+\r\n(\d+)\r\n(\*.*)$/s.exec(reply);
  assert(parts !== null, reply);
  return [parts[1]!, keysIn(parts[2]!)];
}

/** Every key that a whole scan returns, in its order. */
export function scanAll(bench: Bench, ...options: Word[]): string[] {
  const keys: string[] = [];
  let cursor = "0";
  do {
    const [next, found] = scan(bench, cursor, ...options);
    keys.push(...found);
    cursor = next;
  } while (cursor !== "0");
  return keys;
}
