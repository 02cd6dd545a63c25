/** Whether there is room for the reply that a client's next request makes; if not, the request is put off. */
import type { Clock } from "../core/clock.ts";
import { REPLY_BYTES_SMALL } from "../core/limits.ts";
import { LONG_REPLY_BYTES_MIN } from "../core/reply_limits.ts";
import type { OutboxMemory } from "../serving/commit_outbox.ts";
import type { ReplyBlock } from "../serving/reply_buffer.ts";
import { checkLinkReply } from "./long_reply.ts";
import type { BatchClient } from "./batch_client.ts";

/** Thrown through a handler. */
export const NO_ROOM = new Error("There is no room for the reply yet");

export class ReplyRoom {
  readonly #memory: OutboxMemory;
  readonly #clock: Clock;

  constructor({ memory, clock }: { memory: OutboxMemory; clock: Clock }) {
    this.#memory = memory;
    this.#clock = clock;
  }

  /**
   * For a reply of `bytes` behind others of the batch, which are `madeBytes`: where to make it, if it is long. Throws
   * {@linkcode NO_ROOM} when the client has to wait, and to a link when it is too long.
   */
  take(client: BatchClient, bytes: number, madeBytes: number): ReplyBlock | null {
    if (client.outbox.isLink) checkLinkReply(bytes);
    else if (bytes >= LONG_REPLY_BYTES_MIN) return this.#takeLong(client, bytes);
    else if (!client.hasTurn && !this.#isFor(madeBytes + bytes)) this.#want(client, bytes);
    client.hasTurn = false;
    return null;
  }

  /** As {@linkcode ReplyRoom.take}, for a request that can wait itself. */
  async wait({ outbox }: BatchClient, bytes: number): Promise<ReplyBlock | null> {
    if (outbox.isLink) return null;
    if (bytes >= LONG_REPLY_BYTES_MIN) return await this.#memory.long.whenRoom(bytes, this.#clock);
    if (bytes > REPLY_BYTES_SMALL && !this.#isFor(bytes)) await this.#memory.budget.turn(bytes);
    return null;
  }

  #takeLong(client: BatchClient, bytes: number): ReplyBlock {
    const room = client.room ?? this.#memory.long.take(bytes);
    client.room = null;
    if (room !== null && room.bytes.length >= bytes) return room;
    // While the client waited the value became longer.
    room?.release();
    return this.#want(client, bytes);
  }

  #isFor(bytes: number): boolean {
    const { budget } = this.#memory;
    return !budget.isAwaited && budget.hasRoom(bytes);
  }

  #want(client: BatchClient, bytes: number): never {
    client.wantedBytes = bytes;
    throw NO_ROOM;
  }
}
