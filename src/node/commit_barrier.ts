/**
 * The commit barrier: what stands between a batch of replies and its client. A reply may leave once the log is
 * committed up to the newest mutation that the reply reveals; when the log has failed, a reply that reveals a
 * mutation that was never committed does not leave at all. It is also where clients are held back while the disk
 * is behind, so that what waits for it stays bounded.
 */
import { LOG_BACKLOG_BYTES_HIGH } from "../core/limits.ts";
import type { Position } from "../core/mutation.ts";
import type { Log } from "../persistence/log.ts";
import type { Revealed } from "../store/mutation_listener.ts";
import type { Dumps } from "./dumps.ts";

export class CommitBarrier {
  readonly #log: Log;
  readonly #dumps: Dumps;
  readonly #revealed: Revealed;

  constructor(log: Log, dumps: Dumps, revealed: Revealed) {
    this.#log = log;
    this.#dumps = dumps;
    this.#revealed = revealed;
  }

  /** A request is over: its mutations, if any, are one whole. */
  seal(): void {
    this.#log.endRequest();
  }

  isCommitted(position: Position): boolean {
    return position <= this.#log.committed;
  }

  /** Resolves to whether what `position` stands for is committed; `false` when it never will be. */
  whenCommitted(position: Position): Promise<boolean> {
    return this.#log.whenCommitted(position);
  }

  /** Why the node takes no writes; empty while it does. */
  writeRefusal(): string {
    return this.#log.failure;
  }

  /**
   * The error that replaces the reply of the request that just ran, because that would reveal a mutation that is
   * not committed and, as the log has failed, may never be. Empty when the reply may stand.
   */
  readRefusal(): string {
    if (this.#log.failure === "" || this.isCommitted(this.#revealed.position)) return "";
    this.#revealed.position = 0;
    return this.failureText();
  }

  /** The error for a request whose mutation, or what it read, could not be committed. */
  failureText(): string {
    return `READONLY The last change could not be made durable and may be lost. ${this.#log.failure}`;
  }

  /** Whether so much waits for the disk that no more may be added. */
  isCongested(): boolean {
    return (this.#log.backlogBytes > LOG_BACKLOG_BYTES_HIGH && this.#log.failure === "") ||
      this.#dumps.isCongested();
  }

  /** Resolves when the disk has caught up with what was waiting at the call. */
  async relief(): Promise<void> {
    if (this.#dumps.isCongested()) await this.#dumps.relief();
    else await this.#log.whenCommitted(this.#log.appended);
  }
}
