/**
 * Where clients are received while the node recovers its data: its port is bound first, so they come. Whoever asks
 * something gets one answer and is let go, to come again: `LOADING …`, as Redis says it, or `INFO`
 * as far as there is any. Whoever only waits is let go when the data is there. There is a bound to how many are
 * received at a time; more of them are closed at once.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { LOADING_CONNECTIONS_MAX } from "../core/limits.ts";
import { type Connection, writeAll } from "../io/network.ts";

/** No question that is answered is longer. */
const QUESTION_BYTES_MAX = 512;
const INFO = /^(\*\d\r\n\$4\r\nINFO\r\n|INFO\b)/i;

export class LoadingRoom {
  readonly #clock: Clock;
  readonly #beganMs: number;
  readonly #connections = new Set<Connection>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs();
  }

  /** Receives a client. */
  receive(connection: Connection): void {
    if (this.#connections.size >= LOADING_CONNECTIONS_MAX) return connection.close();
    this.#connections.add(connection);
    // Whatever befalls a connection ends that connection.
    this.#answer(connection).catch(() => {}).finally(() => {
      this.#connections.delete(connection);
      connection.close();
    });
  }

  /** The data is there, or never will be: whoever is here is let go. */
  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  /** What the node does just now. */
  get #status(): string {
    const seconds = Math.floor((this.#clock.monotonicMs() - this.#beganMs) / 1000);
    return `recovering its data, for ${seconds} s so far`;
  }

  async #answer(connection: Connection): Promise<void> {
    const buffer = new Uint8Array(QUESTION_BYTES_MAX);
    let length = 0;
    // A question is whole when its last line is; of a longer one the beginning will do.
    do {
      const count = await connection.read(buffer.subarray(length));
      if (count === null) return;
      length += count;
    } while (length < buffer.length && buffer[length - 1] !== 0x0a);
    await writeAll(connection, bytesOf(this.#answerTo(textOf(buffer, 0, length))));
    await connection.closeWrite();
  }

  #answerTo(question: string): string {
    const loading = `LOADING The node is ${this.#status}`;
    // As everywhere: a line that ends in CRLF is a program's.
    const isResp = question.startsWith("*") || question.endsWith("\r\n");
    if (INFO.test(question)) {
      const text = `# Persistence\r\nloading:1\r\nasync_loading:0\r\nnode_state:${this.#status}\r\n`;
      return isResp ? `$${text.length}\r\n${text}\r\n` : text.replaceAll("\r", "");
    }
    return isResp ? `-${loading}\r\n` : `ERROR ${loading}\n`;
  }
}
