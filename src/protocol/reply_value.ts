/**
 * A reply as a value: for what a balancer merges or says in another dialect, away from the common path, on which
 * replies stay bytes.
 */
import { textOf } from "../core/bytes.ts";
import { parseInteger } from "./arguments.ts";
import type { Reply } from "./reply.ts";

const LF = 0x0a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;

export type ReplyValue =
  | { kind: "simple" | "error"; text: string }
  | { kind: "integer"; value: number | bigint }
  | { kind: "bulk"; bytes: Uint8Array }
  | { kind: "nil" }
  | { kind: "array"; items: ReplyValue[] };

/** The RESP 2 reply `bytes[start, end)`, in which a `ReplyScanner` has found no fault. Its values are copies. */
export function parseReply(bytes: Uint8Array, start: number, end: number): ReplyValue {
  return new Parser(bytes, start, end).next();
}

/** Says `value` to a client in its own dialect. */
export function writeReply(value: ReplyValue, reply: Reply): void {
  switch (value.kind) {
    case "simple":
      return value.text === "OK" ? reply.ok() : reply.simple(value.text);
    case "error":
      return reply.error(value.text);
    case "integer":
      return reply.integer(value.value);
    case "bulk":
      return reply.bulk(value.bytes, 0, value.bytes.length);
    case "nil":
      return reply.nil();
    case "array":
      reply.arrayStart(value.items.length);
      for (const item of value.items) writeReply(item, reply);
  }
}

class Parser {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  next(): ReplyValue {
    const kind = this.#bytes[this.#at];
    const start = this.#at + 1;
    const end = this.#skipLine() - 2;
    if (kind === PLUS) return { kind: "simple", text: textOf(this.#bytes, start, end) };
    if (kind === MINUS) return { kind: "error", text: textOf(this.#bytes, start, end) };
    const number = parseInteger(this.#bytes, start, end);
    if (kind === COLON) {
      return {
        kind: "integer",
        value: Number.isNaN(number) ? BigInt(textOf(this.#bytes, start, end)) : number,
      };
    }
    if (number < 0) return { kind: "nil" };
    return kind === DOLLAR ? this.#bulk(number) : this.#array(number);
  }

  #bulk(length: number): ReplyValue {
    const start = this.#at;
    this.#at += length + 2;
    return { kind: "bulk", bytes: this.#bytes.slice(start, start + length) };
  }

  #array(count: number): ReplyValue {
    const items: ReplyValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.next());
    return { kind: "array", items };
  }

  /** Moves behind the line and returns where that is. */
  #skipLine(): number {
    let at = this.#at;
    while (at < this.#end && this.#bytes[at] !== LF) at++;
    return this.#at = at + 1;
  }
}
