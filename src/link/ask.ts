/** One request whose reply is wanted as a value: everything off the common path. */
import type { Memory } from "../core/memory.ts";
import { parseReply, type ReplyValue } from "../protocol/reply_scanner.ts";
import type { ReplySink } from "./reply_sink.ts";

/** Asks a node; resolves to its reply, which may be an error. Never rejects for what the node says. */
export type Asker = (args: readonly (string | Uint8Array)[]) => Promise<ReplyValue>;

export class Answer implements ReplySink {
  readonly value: Promise<ReplyValue>;
  #resolve!: (value: ReplyValue) => void;

  constructor() {
    this.value = new Promise((resolve) => this.#resolve = resolve);
  }

  receive(_tag: number, { bytes }: Memory, start: number, end: number): void {
    this.#resolve(parseReply(bytes, start, end));
  }
}
