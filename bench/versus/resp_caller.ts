/** One command at a time, and the text of its reply: for what a benchmark asks beside its load. */
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { INCOMPLETE, INVALID } from "../../src/protocol/request_decoder.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { ReplyScanner } from "../../src/protocol/reply_scanner.ts";

const REPLY_BYTES_MAX = 64 * 1024;

export class RespCaller {
  readonly #connection: Deno.TcpConn;
  readonly #bytes = new Uint8Array(REPLY_BYTES_MAX);

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<RespCaller> {
    return new RespCaller(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** The reply as it came. Rejects when it is an error. */
  async call(...request: readonly string[]): Promise<string> {
    const output = new OutputBuffer(256);
    encodeRequest(output, request);
    for (let at = 0; at < output.length;) {
      at += await this.#connection.write(output.bytes.subarray(at, output.length));
    }
    const scanner = new ReplyScanner();
    for (let end = 0;;) {
      const count = await this.#connection.read(this.#bytes.subarray(end));
      if (!count) throw new Error(`Cannot call ${request[0]}: no reply of at most ${REPLY_BYTES_MAX} bytes`);
      end += count;
      const next = scanner.scan(this.#bytes, 0, end);
      if (next === INCOMPLETE) continue;
      const text = new TextDecoder().decode(this.#bytes.subarray(0, end));
      if (next === INVALID || text.startsWith("-")) {
        throw new Error(`Cannot call ${request[0]}: ${text.trim()}`);
      }
      return text;
    }
  }

  close(): void {
    this.#connection.close();
  }
}
