/**
 * A balancer's outbox: the replies to one client's requests, put into the order of the requests. Each request has a tag,
 * which counts up and wraps. A reply that is next in order goes to what gathers for the next write; one that came too
 * early is held until those before it are there:
 *
 *     tags, a ring:   ─► answered │ first: under way │ held │ held │ under way │ next ─►
 *
 * Once every request has its reply, all of it is written. Until then what has gathered waits a little for the rest, since
 * two writes cost the client and us twice as much as one.
 *
 * How many requests may be under way follows from the size of the replies seen so far, so that many requests for large
 * values do not gather more than one client should hold.
 *
 * Nodes answer in RESP 2. To a client of RESP 2 the bytes go as they are; for RESP 3 only what differs there
 * (missing values, and arrays, which may contain some) is rewritten; for text everything is.
 */
import { assert } from "../core/assert.ts";
import type { Memory } from "../core/memory.ts";
import {
  CLIENT_IN_FLIGHT_MAX,
  CLIENT_IN_FLIGHT_MIN,
  OUTBOX_BYTES_MAX,
  OUTBOX_WRITE_BYTES,
  OUTPUT_BYTES_HIGH,
  OUTPUT_BYTES_KEEP,
  PARTIAL_FLUSH_PUT_OFFS,
} from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { Connection } from "../io/network.ts";
import { parseReply, type ReplyValue, writeReply } from "../protocol/reply_scanner.ts";
import type { ReplyHolder } from "../serving/reply_budget.ts";
import { Outbox, type OutboxOwner } from "../serving/outbox.ts";
import type { Say } from "../serving/session_commands.ts";
import { type Dialect, differsInResp3, RESP2, RESP3 } from "./dialect.ts";
import { type Effect, NO_EFFECT } from "./effects.ts";
import type { Gathering } from "./gathered_flush.ts";
import type { LongReplyRequest, ReplySink } from "../link/reply_sink.ts";
import { HeldReplies } from "./held_replies.ts";
import type { OutboxServices } from "./outbox_services.ts";
import {
  isOvertaken,
  overtakenText,
  PortionedReplies,
  type PortionedReply,
  type PortionOutbox,
} from "./portioned_reply.ts";

/** Room for tags at the first request; before that an outbox, as that of an idle client, has none of its own. */
const TAGS_MIN = 4;
/** Tags wrap behind it, which leaves the ring's places as they are. */
const TAG_MASK = 0x7fff_ffff;
const NO_DIALECTS = new Uint8Array(0);
const NO_EFFECTS = new Int16Array(0);
const NOTHING = new OutputBuffer();
const INTERNAL_ERROR =
  "ERR Internal error: the request met a bug and may be done in part; the balancer's log says where";

export class ReplyOutbox extends Outbox implements ReplySink, ReplyHolder, PortionOutbox, Gathering {
  nextGathering: Gathering | null = null;
  readonly #services: OutboxServices;
  #gathered = new OutputBuffer(64, true);
  /** What is being written, or was: the next to gather. */
  #written: OutputBuffer | null = null;
  #writingBytes = 0;
  readonly #held = new HeldReplies();
  #dialects = NO_DIALECTS;
  #effects = NO_EFFECTS;
  /** The first tag whose reply has not gathered, and the next to be given out. */
  #first = 0;
  #next = 0;
  #countMax = CLIENT_IN_FLIGHT_MIN;
  /** Of the replies that have gathered: the length of the longest. */
  #replyBytesMax = 0;
  #wasFull = false;
  /** Bytes of replies that have gathered in this turn, which the budget does not know of yet. */
  #newBytes = 0;
  /** Whether requests are being routed, and whether it is among those that are looked at when the turn ends. */
  #isHeldBack = false;
  #isInTurn = false;
  /** Whether it waits for replies that are missing, and how often all that it has gathered was put off. */
  #isLate = false;
  #putOffCount = 0;
  /** Replies that are handed over in portions when it is their turn; `null` when there is none. */
  #portioned: PortionedReplies | null = null;
  /** How often it was looked at since its client began to wait for replies before it is read on. */
  #lookCount = 0;

  constructor(connection: Connection, owner: OutboxOwner, services: OutboxServices) {
    super(connection, services.writeWatch, owner);
    this.#services = services;
    services.replyBudget.join(this);
  }

  /** Requests under way. */
  get count(): number {
    return (this.#next - this.#first) & TAG_MASK;
  }

  get isFull(): boolean {
    const isFull = this.#portioned !== null || this.count >= this.#countMax ||
      this.heldBytes >= OUTBOX_BYTES_MAX ||
      (this.#services.replyBudget.isUsedUp && !this.isEmpty);
    if (isFull) this.#wasFull = true;
    return isFull;
  }

  get heldBytes(): number {
    return this.#gathered.length + this.#held.byteLength + (this.#portioned?.heldBytes ?? 0) +
      this.#writingBytes;
  }

  get isEmpty(): boolean {
    return this.#first === this.#next && this.#gathered.length === 0 && this.#writingBytes === 0;
  }

  /** Several requests are about to be opened, some of which may be answered at once: nothing is written until … */
  hold(): void {
    this.#isHeldBack = true;
  }

  /** … all of them are there. */
  letGo(): void {
    this.#isHeldBack = false;
    if (this.#gathered.length > 0) this.#flushOrWait();
  }

  /** The tag of one more request, which reads or changes what `effect` says, and whose reply is to be in `dialect`. */
  open(dialect: Dialect, effect: Effect = NO_EFFECT): number {
    const tag = this.#next;
    if (this.count === this.#dialects.length) this.#grow();
    this.#dialects[tag & (this.#dialects.length - 1)] = dialect;
    this.#effects[tag & (this.#dialects.length - 1)] = effect;
    this.#next = (tag + 1) & TAG_MASK;
    return tag;
  }

  /** The dialect that request `tag` was opened with. */
  dialectOf(tag: number): Dialect {
    return this.#dialects[tag & (this.#dialects.length - 1)] as Dialect;
  }

  /** The RESP 2 reply `source[start, end)` to request `tag`, from a node. */
  receive(tag: number, source: Memory, start: number, end: number): void {
    const dialect = this.dialectOf(tag);
    if (dialect === RESP2 || (dialect === RESP3 && !differsInResp3(source.bytes, start))) {
      this.put(tag, source, start, end);
      return;
    }
    this.answer(tag, parseReply(source.bytes, start, end));
  }

  /** The reply to request `tag` is too long for a link: it is fetched when it is its turn. */
  tooLong(tag: number, request: LongReplyRequest): void {
    this.putLater(tag, this.#services.longReplies.single(request), request.byteLength);
  }

  /** The reply `value` to request `tag`. */
  answer(tag: number, value: ReplyValue): void {
    const { dialects } = this.#services;
    const output = dialects.begin(this.dialectOf(tag));
    writeReply(value, dialects.reply);
    this.put(tag, output, 0, output.length);
  }

  /**
   * The reply to request `tag` will be what `later` resolves to, or says, or hands over. An error that nobody expected is
   * logged, and this client is told of it.
   */
  async answerLater(tag: number, later: Promise<ReplyValue | Say | PortionedReply>): Promise<void> {
    let reply: ReplyValue | Say | PortionedReply;
    try {
      reply = await later;
    } catch (error) {
      this.#services.faults.report("request failed", error);
      reply = { kind: "error", text: INTERNAL_ERROR };
    }
    if (typeof reply === "function") {
      const output = this.#services.dialects.begin(this.dialectOf(tag));
      reply(this.#services.dialects.reply);
      this.put(tag, output, 0, output.length);
    } else if (reply.kind === "portioned") this.putLater(tag, reply);
    else this.answer(tag, reply);
  }

  /**
   * The reply to request `tag`, of `byteLength` bytes or so, is handed over by `reply` when those before it are on their way.
   * What was routed behind it is executed before it: where that would show, the request gets an error.
   */
  putLater(tag: number, reply: PortionedReply, byteLength = 0): void {
    if (this.isClosed) return reply.abort();
    const effects = { effects: this.#effects, tag, next: this.#next, tagMask: TAG_MASK };
    if (isOvertaken(reply, this.#portioned, effects)) {
      return this.answer(tag, { kind: "error", text: overtakenText(byteLength) });
    }
    this.#replyBytesMax = Math.max(this.#replyBytesMax, byteLength);
    this.#portioned ??= new PortionedReplies();
    this.#portioned.put(tag, reply);
    this.#services.replyBudget.take(reply.heldBytes);
    if (tag === this.#first && !this.isClosed) this.#beginPortions();
  }

  portion(source: OutputBuffer): void {
    if (this.isClosed) return;
    this.#gathered.append(source, 0, source.length);
    this.#newBytes += source.length;
    this.flush();
  }

  async whenTaken(): Promise<void> {
    while (this.#gathered.length > 0 && this.#portioned !== null) await this.#portioned.taken();
  }

  endPortions(tag: number): void {
    if (!this.isClosed) this.put(tag, NOTHING, 0, 0);
  }

  /** The reply to request `tag`, as the client gets it. */
  put(tag: number, source: Memory, start: number, end: number): void {
    if (end - start > this.#replyBytesMax) this.#replyBytesMax = end - start;
    if (tag !== this.#first || this.isClosed) return this.#putAside(tag, source, start, end);
    assert(tag !== this.#next, "a reply belongs to a request");
    this.#gathered.append(source, start, end);
    this.#newBytes += end - start;
    this.#first = (tag + 1) & TAG_MASK;
    if (this.#held.count > 0) this.#release();
    if (this.#portioned !== null) this.#passed(tag);
    if (this.#isInTurn || this.#isHeldBack) return;
    this.#isInTurn = true;
    this.#services.gatheredFlush.atEndOfTurn(this);
  }

  /** All that was read in this turn is here. */
  turnEnded(): void {
    this.#isInTurn = false;
    this.#flushOrWait();
  }

  /** All replies, or many, leave at once, a few wait for the rest. */
  #flushOrWait(): void {
    if (this.#first === this.#next || this.#gathered.length >= OUTBOX_WRITE_BYTES) this.flush();
    else if (!this.isClosed) this.#wait();
    if (this.#newBytes > 0) this.#account();
    if (this.#wasFull) this.wake();
  }

  /** Its client is read on once it has all its replies, or is overdue. */
  beginPause(): void {
    this.#lookCount = 0;
  }

  /** Whether replies are missing a while after the pause began. */
  get isOverdue(): boolean {
    return this.#lookCount >= PARTIAL_FLUSH_PUT_OFFS;
  }

  /** Resolves when something was written, or when it may be overdue. */
  pause(): Promise<void> {
    this.#lookLater();
    return this.changed();
  }

  /** Writes what was put off often enough, though replies are missing. */
  waited(): void {
    this.#isLate = false;
    this.#lookCount++;
    this.wake();
    if (this.#putOffCount >= PARTIAL_FLUSH_PUT_OFFS) this.flush();
    else if (this.#gathered.length > 0 && this.#first !== this.#next) this.#wait();
  }

  #wait(): void {
    if (this.#isLate) return;
    this.#putOffCount++;
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#isLate) return;
    this.#isLate = true;
    this.#services.gatheredFlush.later(this);
  }

  /** The budget learns of what has gathered. */
  #account(): void {
    const bytes = this.#newBytes;
    this.#newBytes = 0;
    this.#services.replyBudget.take(bytes);
  }

  protected take(): Uint8Array<ArrayBuffer> | null {
    // Whoever holds too much is given up by that: then nothing has gathered any more.
    if (this.#newBytes > 0) this.#account();
    const gathered = this.#gathered;
    if (gathered.length === 0) return null;
    this.#putOffCount = 0;
    this.#adapt();
    this.#gathered = this.#written ?? new OutputBuffer(64, true);
    this.#written = gathered;
    this.#writingBytes = gathered.length;
    return gathered.view();
  }

  protected written(): void {
    const bytes = this.#writingBytes;
    this.#writingBytes = 0;
    const written = this.#written!;
    written.clear(OUTPUT_BYTES_KEEP);
    if (this.#gathered.length === 0) {
      // The room that is in the processor's cache is used again.
      this.#written = this.#gathered;
      this.#gathered = written;
    }
    this.#services.replyBudget.give(bytes);
    this.#portioned?.wake();
  }

  protected discard(): void {
    const bytes = this.heldBytes - this.#writingBytes - this.#newBytes;
    this.#newBytes = 0;
    this.#gathered.clear(0);
    this.#held.empty();
    this.#services.replyBudget.leave(this);
    this.#services.replyBudget.give(bytes);
    this.#portioned?.abort();
    this.#portioned = null;
  }

  /** The reply to request `tag` has gathered: the next one may have to be handed over. */
  #passed(tag: number): void {
    const portioned = this.#portioned!;
    this.#services.replyBudget.give(portioned.forget(tag));
    if (portioned.isEmpty) this.#portioned = null;
    else this.#beginPortions();
  }

  /** Begins to hand over the reply whose turn it is, if it is one of those. */
  #beginPortions(): void {
    const reply = this.#portioned!.get(this.#first);
    if (reply === undefined) return;
    // It leaves in pieces of its own; what has gathered before it does not wait for it.
    this.flush();
    reply.begin(this, this.#first);
  }

  /** How many requests may be under way follows from the replies that have gathered. */
  #adapt(): void {
    const fitting = Math.floor(OUTPUT_BYTES_HIGH / Math.max(1, this.#replyBytesMax));
    if (fitting < this.#countMax) this.#countMax = Math.max(1, fitting);
    else if (this.#wasFull) {
      this.#countMax = Math.min(this.#countMax * 2, fitting, CLIENT_IN_FLIGHT_MAX);
    }
    this.#replyBytesMax = 0;
    this.#wasFull = false;
  }

  /** A reply that came too early, or whose client is gone. */
  #putAside(tag: number, source: Memory, start: number, end: number): void {
    assert(((tag - this.#first) & TAG_MASK) < this.count, "a reply belongs to a request");
    if (tag !== this.#first) return this.#holdReply(tag, source, start, end);
    this.#first = (tag + 1) & TAG_MASK;
    if (this.#held.count > 0) this.#release();
  }

  #holdReply(tag: number, source: Memory, start: number, end: number): void {
    const at = tag & (this.#dialects.length - 1);
    if (this.isClosed) return this.#held.hold(at, source, 0, 0);
    this.#held.hold(at, source, start, end);
    this.#services.replyBudget.take(end - start);
  }

  /** Moves held replies whose turn has come to what gathers. */
  #release(): void {
    const mask = this.#dialects.length - 1;
    while (this.#first !== this.#next && this.#held.release(this.#first & mask, this.#gathered)) {
      this.#first = (this.#first + 1) & TAG_MASK;
    }
    this.#held.tidyUp();
  }

  #grow(): void {
    const size = Math.max(TAGS_MIN, this.#dialects.length * 2);
    const dialects = new Uint8Array(size);
    const effects = new Int16Array(size);
    this.#held.resize(size, this.#first, this.count);
    for (let tag = this.#first; tag !== this.#next; tag = (tag + 1) & TAG_MASK) {
      const from = tag & (this.#dialects.length - 1);
      const to = tag & (size - 1);
      dialects[to] = this.#dialects[from]!;
      effects[to] = this.#effects[from]!;
    }
    this.#dialects = dialects;
    this.#effects = effects;
  }
}
