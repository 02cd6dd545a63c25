/**
 * A small RESP client for tests that must see bytes as they are: pipelining by hand, cut connections, replies in
 * order. Replies come as the protocol room's `ReplyValue` text form: see {@linkcode show}.
 */
import { textOf } from "../../src/core/bytes.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";
import { ReplyScanner } from "../../src/protocol/reply_scanner.ts";
import { parseReply, type ReplyValue } from "../../src/protocol/reply_value.ts";

export class RespClient {
  readonly connection: Deno.TcpConn;
  #bytes = new Uint8Array(64 * 1024);
  #start = 0;
  #end = 0;
  readonly #scanner = new ReplyScanner();

  private constructor(connection: Deno.TcpConn) {
    this.connection = connection;
  }

  static async connect(port: number): Promise<RespClient> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new RespClient(connection);
  }

  /** Sends requests without waiting for a reply. */
  async send(...requests: readonly (readonly (string | Uint8Array)[])[]): Promise<void> {
    const output = new OutputBuffer(1024);
    for (const request of requests) encodeRequest(output, request);
    await this.write(output.view());
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.connection.write(bytes.subarray(at));
  }

  /** The next reply; rejects when the connection ends before. */
  async receive(): Promise<ReplyValue> {
    while (true) {
      const end = this.#scanner.scan(this.#bytes, this.#start, this.#end);
      if (end > this.#start) {
        const value = parseReply(this.#bytes, this.#start, end);
        this.#start = end;
        return value;
      }
      if (this.#end === this.#bytes.length) {
        const larger = new Uint8Array(this.#bytes.length * (this.#start === 0 ? 2 : 1));
        larger.set(this.#bytes.subarray(this.#start, this.#end));
        this.#end -= this.#start;
        this.#start = 0;
        this.#bytes = larger;
      }
      const count = await this.connection.read(this.#bytes.subarray(this.#end));
      if (count === null) throw new Error("The server closed the connection");
      this.#end += count;
    }
  }

  /** One request, one reply, shown as text. */
  async call(...request: (string | Uint8Array)[]): Promise<string> {
    await this.send(request);
    return show(await this.receive());
  }

  close(): void {
    this.connection.close();
  }
}

/** A reply as text: `OK`, `value`, `(nil)`, `7`, `[a, b]`, and errors with a leading `-`. */
export function show(value: ReplyValue): string {
  switch (value.kind) {
    case "simple":
      return value.text;
    case "error":
      return `-${value.text}`;
    case "integer":
      return String(value.value);
    case "bulk":
      return textOf(value.bytes);
    case "nil":
      return "(nil)";
    case "array":
      return `[${value.items.map(show).join(", ")}]`;
  }
}
