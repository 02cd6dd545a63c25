/** One request whose reply is wanted as a value: everything off the common path. */
import type { Memory } from "../core/memory.ts";
import { parseReply, type ReplyValue } from "../protocol/reply_scanner.ts";
import { LARGE_KIND } from "../protocol/roundel_exchange.ts";
import type { LongReplyRequest, ReplySink } from "./reply_sink.ts";

const TOO_LONG = `${LARGE_KIND} `;

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

  tooLong(_tag: number, { byteLength }: LongReplyRequest): void {
    this.#resolve({ kind: "error", text: `${TOO_LONG}${byteLength}` });
  }
}

/** Whether `value` stands for a reply that is too long for a link; its request was not executed then. */
export function isTooLong(value: ReplyValue): boolean {
  return value.kind === "error" && value.text.startsWith(TOO_LONG);
}
