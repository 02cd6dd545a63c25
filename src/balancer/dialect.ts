/** The ways in which clients want their replies, and a writer for each, shared by all clients of the process. */
import { OUTPUT_BYTES_KEEP } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { Reply } from "../protocol/reply.ts";
import { RespReply } from "../protocol/resp_reply.ts";
import { TextReply } from "../protocol/text_reply.ts";

export const RESP2 = 0;
export const RESP3 = 1;
export const TEXT = 2;
const STAR = 0x2a;
const DOLLAR = 0x24;
const MINUS = 0x2d;
export type Dialect = typeof RESP2 | typeof RESP3 | typeof TEXT;

export class DialectWriter {
  readonly #output = new OutputBuffer();
  readonly #resp = new RespReply(this.#output);
  readonly #text = new TextReply(this.#output);
  /** Writes to what {@linkcode DialectWriter.begin} returned. */
  reply: Reply = this.#resp;

  /** Empties the output and gets ready for one reply in `dialect`, to be copied before the next begins. */
  begin(dialect: Dialect): OutputBuffer {
    this.#output.clear(OUTPUT_BYTES_KEEP);
    this.#resp.version = dialect === RESP3 ? 3 : 2;
    this.reply = dialect === TEXT ? this.#text : this.#resp;
    return this.#output;
  }

  /** The client has chosen another version of RESP within this very reply. */
  changeVersion(version: 2 | 3): void {
    this.#resp.version = version;
  }
}

/** Whether the reply of RESP 2 that begins at `bytes[start]` may be another one in RESP 3. */
export function differsInResp3(bytes: Uint8Array, start: number): boolean {
  const kind = bytes[start];
  return kind === STAR || (kind === DOLLAR && bytes[start + 1] === MINUS);
}
