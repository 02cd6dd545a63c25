/** Requests and replies of a simulated client on one connection. */
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { type Connection, writeAll } from "../../src/io/network.ts";
import { parseReply, ReplyScanner, type ReplyValue } from "../../src/protocol/reply_scanner.ts";
import { encodeRequest } from "../../src/protocol/request_encoder.ts";

const READ_BYTES = 16 * 1024;

export class Conversation {
  readonly port: number;
  readonly #connection: Connection;
  readonly #scanner = new ReplyScanner();
  readonly #bytes = new Uint8Array(READ_BYTES);
  #start = 0;
  #end = 0;
  isClosed = false;

  constructor(connection: Connection, port: number) {
    this.#connection = connection;
    this.port = port;
  }

  async send(requests: readonly (readonly string[])[]): Promise<void> {
    const output = new OutputBuffer();
    for (const args of requests) encodeRequest(output, args);
    await writeAll(this.#connection, output.view().slice());
  }

  async receive(): Promise<ReplyValue> {
    while (true) {
      const end = this.#scanner.scan(this.#bytes, this.#start, this.#end);
      if (end > this.#start) {
        const value = parseReply(this.#bytes, this.#start, end);
        this.#start = end;
        return value;
      }
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
      const count = await this.#connection.read(this.#bytes.subarray(this.#end));
      if (count === null) throw new Error("the connection has ended");
      this.#end += count;
    }
  }

  close(): void {
    this.isClosed = true;
    this.#connection.close();
  }
}
