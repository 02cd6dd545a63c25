/** A fresh connection before it is a link: one request, one reply of RESP 2, each with a time limit. */
import type { Clock } from "../core/clock.ts";
import { HANDSHAKE_REPLY_MS_MAX, KIB } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { type Connection, writeAll } from "../io/network.ts";
import { ReadBudget, ReadBuffer } from "../serving/read_buffer.ts";
import { INCOMPLETE, INVALID, parseReply, ReplyScanner, type ReplyValue } from "../protocol/reply_scanner.ts";
import { encodeRequest } from "../protocol/request_encoder.ts";

const READ_BYTES = 4 * KIB;

export class Handshake {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #buffer = new ReadBuffer(new ReadBudget(), READ_BYTES);
  readonly #scanner = new ReplyScanner();
  readonly #output = new OutputBuffer();

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Sends one request and resolves to its reply; rejects when there is none in time. */
  async ask(args: readonly (string | Uint8Array)[]): Promise<ReplyValue> {
    let late = false;
    const timer = this.#clock.after(HANDSHAKE_REPLY_MS_MAX, () => {
      late = true;
      this.#connection.close();
    });
    try {
      this.#output.clear();
      encodeRequest(this.#output, args);
      await writeAll(this.#connection, this.#output.view());
      return await this.#reply();
    } catch (error) {
      throw late ? new Error(`it did not answer within ${HANDSHAKE_REPLY_MS_MAX} ms`) : error;
    } finally {
      timer.cancel();
    }
  }

  /** Gives back what is shared. Nothing may have come behind the last reply. */
  end(): void {
    const isEmpty = this.#buffer.start === this.#buffer.end;
    this.#buffer.release();
    if (!isEmpty) throw new Error("it sent more than it was asked for");
  }

  async #reply(): Promise<ReplyValue> {
    const buffer = this.#buffer;
    while (buffer.ensureRoom(0) && await buffer.fill(this.#connection) !== null) {
      const end = this.#scanner.scan(buffer.bytes, buffer.start, buffer.end);
      if (end === INCOMPLETE) continue;
      if (end === INVALID) throw new Error(`it sent what is no reply: ${this.#scanner.error}`);
      const value = parseReply(buffer.bytes, buffer.start, end);
      buffer.consume(end);
      return value;
    }
    throw new Error("it closed the connection");
  }
}
