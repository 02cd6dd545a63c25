/**
 * The stream of a shard to one of its other copies. It asks where the copy stands, brings it to where the shard is, and
 * goes on with each mutation as it happens (led_shard.ts has the states). It says what it learns to the led shard.
 *
 * Whatever was begun before the copy's place was asked for again is void: the turn tells.
 */
import { AssertionError } from "../core/assert.ts";
import { textOf } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import {
  BEAT_MS,
  FILL_AHEAD_BYTES,
  STREAM_BUFFER_BYTES,
  STREAM_FULL_RETRY_BEATS,
  STREAM_RETRY_BEATS,
} from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import { KIND_BEGIN_ANEW, KIND_FILLED, Mutation } from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { Log } from "../persistence/log.ts";
import type { LogHold } from "../persistence/log_holds.ts";
import { encodeRecord } from "../persistence/record.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import {
  type Result,
  RESULT_DIVERGED,
  RESULT_FULL,
  RESULT_GAP,
  RESULT_GOOD,
  RESULT_OUTDATED,
} from "./batch.ts";
import { type CatchingStream, catchUp, Turn } from "./catch_up.ts";
import { FillWalk } from "./fill_walk.ts";
import type { LedShard, StreamState } from "./led_shard.ts";
import type { LogIndex } from "./log_index.ts";
import { isWithin, parsePlace, type Place, STALE } from "./place.ts";
import { type ChunkPool, payloadOf, RecordQueue } from "./record_queue.ts";

/** What all streams of a node share. */
export interface StreamContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly logger: Logger;
  readonly index: LogIndex;
  readonly pool: ChunkPool;
}

/** The node that a stream goes to. */
export interface StreamPeer {
  readonly id: string;
  readonly isReady: boolean;
  /** Number of the next batch. */
  readonly nextBatch: number;
  /** Asks where the copy of `led` stands. */
  askPlace(led: LedShard, answered: (reply: ReplyValue) => void): void;
  /** Some stream has something to send. */
  wake(): void;
}

/** What was sent in one batch. */
export interface SentBatch {
  readonly number: number;
  readonly sentAtMs: number;
}

const NOBODY = () => {};

export class ShardStream implements CatchingStream {
  readonly led: LedShard;
  readonly queue: RecordQueue;
  readonly #peer: StreamPeer;
  readonly #context: StreamContext;
  #state: StreamState = "away";
  /** Records that were appended since `keep`, while the stream catches up. */
  readonly #kept: RecordQueue;
  #isKeeping = false;
  /** Whether the queue ends in the middle of a request. */
  #isHalf = false;
  #turn = new Turn();
  /** What was sent in earlier batches tells nothing of the copy as it is now. */
  #firstBatch = 0;
  #taken: () => void = NOBODY;
  /** The copy's place in the history once it has what is in the queue, while it is being filled; the fills' head, too. */
  readonly #head = new Mutation();
  #walk: FillWalk | null = null;
  /** The piece that says that the copy is filled, and the number of the batch that it went with. */
  #lastFill: OutputBuffer | null = null;
  #lastFillBatch = -1;
  /** Beats until the place is asked for again; −1 = it is not. */
  #retryBeats = -1;
  /** What the peer has acknowledged, and when the newest of that was sent. */
  #acknowledged = 0;
  #heardAtMs = -Infinity;
  /** Whether the peer is to be shown that this node is there. */
  isBeatDue = false;
  /** Keeps the log that the copy would need if the link broke now. */
  #hold: LogHold | null = null;
  /** Reused for each call. */
  readonly #acknowledgement = { epoch: 0, sequence: 0, sentAtMs: 0 };

  constructor(led: LedShard, peer: StreamPeer, context: StreamContext) {
    this.led = led;
    this.#peer = peer;
    this.#context = context;
    this.queue = new RecordQueue(context.pool);
    this.#kept = new RecordQueue(context.pool);
    this.place();
  }

  get peerId(): string {
    return this.#peer.id;
  }

  get isKeeping(): boolean {
    return this.#isKeeping;
  }

  /** Bytes in memory that wait for the peer. */
  get waitingBytes(): number {
    return this.queue.byteLength + this.#kept.byteLength;
  }

  /** Asks where the copy stands, and begins from there; as soon as there is a link. */
  place(): void {
    this.#stop();
    if (!this.#peer.isReady) return this.#become("away");
    this.#become("placing");
    const turn = this.#turn;
    const { epoch } = this.led;
    const sentAtMs = this.#context.clock.monotonicMs();
    this.#peer.askPlace(this.led, (reply) => {
      if (!turn.isOver) this.#placed(reply, { epoch, sentAtMs });
    });
  }

  /** The topology has changed: what was refused may not be now. */
  retry(): void {
    if (this.#retryBeats >= 0) this.place();
  }

  /** Nothing goes there any more. */
  end(): void {
    this.#stop();
    this.#hold?.release();
    this.#hold = null;
  }

  /** Where the record of `mutation`, which was just appended to the log, is to be added; `null` where it is not. */
  outputFor(mutation: Mutation): OutputBuffer | null {
    const isFilling = this.#state === "filling";
    if (!this.#isKeeping && !isFilling && this.#state !== "live") return null;
    const queue = this.#isKeeping ? this.#kept : this.queue;
    if (queue.byteLength > STREAM_BUFFER_BYTES) {
      this.fallBehind();
      return null;
    }
    if (isFilling) {
      this.#head.epoch = mutation.epoch;
      this.#head.sequence = mutation.sequence;
    }
    if (!this.#isKeeping) this.#peer.wake();
    return queue.outputFor(payloadOf(mutation));
  }

  /** More waits for the peer than is kept: it gets that later, from the log. */
  fallBehind(): void {
    if (!this.#isKeeping) return this.place();
    this.#isKeeping = false;
    this.#kept.clear();
  }

  /** The piece to be sent next, `null` when there is none; more fills are made for it if `mayWalk`. */
  next(mayWalk: boolean): OutputBuffer | null {
    if (this.#isHalf) return null;
    if (mayWalk && this.#walk !== null && this.queue.byteLength < FILL_AHEAD_BYTES) this.#fill(this.#walk);
    return this.queue.first;
  }

  /** Whether the copy is being filled, and some is left. */
  get isWalking(): boolean {
    return this.#walk !== null;
  }

  /** No request is under way. */
  endRequest(): void {
    if (this.#state !== "catching up") this.queue.endRequest();
    this.#kept.endRequest();
  }

  /** The piece that was next is in a batch. */
  sent({ number }: SentBatch): void {
    if (this.queue.first === this.#lastFill) {
      this.#lastFill = null;
      this.#lastFillBatch = number;
    }
    this.queue.sent();
    this.#taken();
  }

  /** What became of records, or a beat, that were sent. */
  answered({ status, epoch, sequence }: Result, sent: SentBatch): void {
    if (status === RESULT_GOOD) {
      if (sent.number === this.#lastFillBatch) this.#filled(sent);
      const isWhole = this.#state === "live" || this.#state === "catching up";
      this.#acknowledge({
        epoch,
        sequence: isWhole && sent.number >= this.#firstBatch ? sequence : 0,
      }, sent.sentAtMs);
    } else if (status === RESULT_OUTDATED && epoch > this.led.epoch) {
      this.#outdated(epoch);
    } else if (sent.number < this.#firstBatch || this.#state === "placing") return;
    else if (status === RESULT_GAP || status === RESULT_OUTDATED) this.place();
    else {
      this.#retryLater(status === RESULT_FULL ? STREAM_FULL_RETRY_BEATS : STREAM_RETRY_BEATS);
      this.#become(status === RESULT_DIVERGED ? "diverged" : "full");
    }
  }

  /** The peer could not take what was sent, and says nothing about where it stands. */
  refused(): void {
    this.#retryLater();
    this.#become("placing");
  }

  /** Time has gone on by `BEAT_MS`. */
  beat(): void {
    if (this.#retryBeats > 0) this.#retryBeats--;
    else if (this.#retryBeats === 0) this.place();
    const isSending = this.#state === "live" || this.#state === "catching up" || this.#state === "filling";
    // At the next beat it would be too late: a lease counts from what was acknowledged last.
    this.isBeatDue = isSending && this.#context.clock.monotonicMs() - this.#heardAtMs >= BEAT_MS / 2;
    this.#holdLog();
  }

  keep(): void {
    this.#isKeeping = true;
  }

  wake(isWhole: boolean): void {
    this.#isHalf = !isWhole;
    this.#peer.wake();
  }

  whenTaken(): Promise<void> {
    return new Promise((resolve) => this.#taken = resolve);
  }

  caughtUp(): void {
    this.#isKeeping = this.#isHalf = false;
    this.queue.takeOver(this.#kept);
    this.#become("live");
    this.#peer.wake();
  }

  #become(state: StreamState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.led.streamChanged(this.#peer.id, state);
  }

  /** Ends what is under way, and drops what waits. */
  #stop(): void {
    this.#turn.end();
    this.#turn = new Turn();
    this.queue.clear();
    this.#kept.clear();
    this.#isKeeping = this.#isHalf = this.isBeatDue = false;
    this.#walk = this.#lastFill = null;
    this.#lastFillBatch = this.#retryBeats = -1;
    this.#taken();
    this.#taken = NOBODY;
  }

  #retryLater(beats = STREAM_RETRY_BEATS): void {
    this.#stop();
    this.#retryBeats = beats;
  }

  #placed(reply: ReplyValue, { epoch, sentAtMs }: { epoch: number; sentAtMs: number }): void {
    if (reply.kind === "error" && reply.text.startsWith(`${STALE} `)) {
      const known = Number(reply.text.slice(STALE.length + 1));
      if (known > this.led.epoch) return this.#outdated(known);
      // It was asked in an epoch that has passed since; or the peer has not heard yet that it keeps a copy.
      return this.led.epoch > epoch ? this.place() : this.refused();
    }
    const place = this.#placeIn(reply);
    if (place === null) return this.refused();
    this.#firstBatch = this.#peer.nextBatch;
    if (place.isFilling || !isWithin(this.led.history, place)) return this.#beginFilling();
    this.#goOnFrom(place);
    this.#acknowledge({ epoch, sequence: place.sequence }, sentAtMs);
  }

  /** What the reply says, `null` where that is nothing. */
  #placeIn(reply: ReplyValue): ReturnType<typeof parsePlace> | null {
    try {
      if (reply.kind === "bulk") return parsePlace(textOf(reply.bytes));
      throw new Error(reply.kind === "error" ? reply.text : reply.kind);
    } catch (error) {
      this.#warn("cannot tell where a copy stands", error);
      return null;
    }
  }

  #goOnFrom(place: Place): void {
    const { history } = this.led;
    this.isBeatDue = true;
    if (place.epoch === history.epoch && place.sequence === history.sequence) this.#become("live");
    else {
      this.#become("catching up");
      void this.#catchUp(place, this.#turn);
    }
    this.#peer.wake();
  }

  async #catchUp(place: Place, turn: Turn): Promise<void> {
    const { log, index, clock } = this.#context;
    const cursor = log.follow(index.before(this.led.shard, place.sequence));
    try {
      if (await catchUp(this, { cursor, log, place, turn, clock }) === "lost" && !turn.isOver) {
        this.#beginFilling();
      }
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      this.#warn("cannot read the log for a copy", error);
      if (!turn.isOver) this.refused();
    } finally {
      cursor.close();
    }
  }

  /** The copy is to begin anew where the shard is now. */
  #beginFilling(): void {
    const { led } = this;
    const head = this.#head;
    this.#isKeeping = this.#isHalf = false;
    this.queue.clear();
    this.#kept.clear();
    head.kind = KIND_BEGIN_ANEW;
    head.shard = led.shard;
    head.epoch = led.epoch;
    head.sequence = led.history.sequence;
    head.database = 0;
    encodeRecord(this.queue.outputFor(0), head);
    this.#walk = new FillWalk(led.store, this.#context.clock);
    this.#become("filling");
    this.#peer.wake();
  }

  /** The copy has taken the last of its fills, which was sent with `sent`. */
  #filled({ number }: SentBatch): void {
    this.#lastFillBatch = -1;
    this.#firstBatch = number;
    this.#become("live");
  }

  #fill(walk: FillWalk): void {
    const head = this.#head;
    if (!walk.step(this.queue, head)) return;
    head.kind = KIND_FILLED;
    head.database = 0;
    encodeRecord(this.queue.outputFor(0), head);
    this.#lastFill = this.queue.last;
    this.#walk = null;
  }

  /** `acknowledgement` is for something that was sent at `sentAtMs`. */
  #acknowledge({ epoch, sequence }: Place, sentAtMs: number): void {
    this.#heardAtMs = Math.max(this.#heardAtMs, sentAtMs);
    this.#acknowledged = Math.max(this.#acknowledged, sequence);
    const acknowledgement = this.#acknowledgement;
    acknowledgement.epoch = epoch;
    acknowledgement.sequence = sequence;
    acknowledgement.sentAtMs = sentAtMs;
    this.led.acknowledged(this.#peer.id, acknowledgement);
  }

  #outdated(newerEpoch: number): void {
    this.refused();
    this.led.outdated(newerEpoch);
  }

  #holdLog(): void {
    if (this.#state !== "live") return;
    const { log, index } = this.#context;
    const { shard, history } = this.led;
    const hasAll = this.#acknowledged >= history.sequence;
    const position = hasAll ? log.committedPosition : index.before(shard, this.#acknowledged);
    if (this.#hold === null || this.#hold.isLost) this.#hold = log.hold(position);
    else if (position > this.#hold.position) this.#hold.position = position;
  }

  #warn(message: string, error: unknown): void {
    const { logger } = this.#context;
    logger.warn(message, { shard: this.led.shard, node: this.#peer.id, cause: messageOf(error) });
  }
}
