/**
 * A node that keeps copies of shards that this node leads: one link, and a stream for each of the shards. What the streams
 * have to send at the end of a turn goes in one batch; while as many batches are unanswered as the far end has use for,
 * the next one gathers.
 */
import { textOf } from "../core/bytes.ts";
import type { Clock } from "../core/clock.ts";
import { RefusalError } from "../core/errors.ts";
import {
  APPEND_BYTES,
  APPEND_WINDOW_BYTES,
  APPENDS_IN_FLIGHT_MAX,
  PEER_BUFFER_BYTES,
  PEER_SILENT_BEATS_MAX,
} from "../core/limits.ts";
import type { Memory } from "../core/memory.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { Address, Network } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import { Link, type LinkOwner } from "../link/link.ts";
import type { ReplySink } from "../link/reply_sink.ts";
import { parseReply, type ReplyValue } from "../protocol/reply_scanner.ts";
import { encodeRequest } from "../protocol/request_encoder.ts";
import { IDENTITY_REQUEST, linkRequest, parseIdentity } from "../protocol/roundel_exchange.ts";
import { BATCH_HEAD_BYTES, decodeResults, encodeSectionHead, SECTION_HEAD_BYTES } from "./batch.ts";
import type { LedShard } from "./led_shard.ts";
import type { SentBatch, ShardStream, StreamContext, StreamPeer } from "./stream.ts";

/** A node that keeps a copy of a shard. */
export interface PeerAddress extends Address {
  readonly id: string;
}

/** Who this node is to others. */
export interface OwnIdentity {
  readonly id: string;
  readonly cluster: string | null;
}

export interface PeerOptions extends StreamContext {
  readonly network: Network;
  readonly clock: Clock;
  /** As it is now. */
  readonly identity: () => OwnIdentity;
  /** The time of day by which keys expire here. */
  readonly timeMs: () => number;
  /** The run of this node's process. */
  readonly run: string;
  /** A number that was not given before. */
  readonly nextLinkNumber: () => number;
}

/** Of the links that records travel on. */
const LANE = "copies";
const NO_RECORDS = null;

/** A section of the batch that is put together. */
interface Section {
  readonly stream: ShardStream;
  readonly records: OutputBuffer | null;
}

export class Peer implements LinkOwner, StreamPeer {
  #address: PeerAddress;
  readonly #options: PeerOptions;
  readonly #link: Link;
  readonly #streams = new Map<number, ShardStream>();
  /** In the order in which they have their turn. */
  #turns: ShardStream[] = [];
  #nextBatch = 0;
  /** Batches of records that are unanswered. */
  #inFlightCount = 0;
  #inFlightBytes = 0;
  #isWoken = false;
  #silentBeats = 0;
  readonly #sendGathered = () => this.#send();

  constructor(address: PeerAddress, options: PeerOptions) {
    this.#address = address;
    this.#options = options;
    const { network, clock } = options;
    this.#link = new Link({ address, network, clock, owner: this });
    this.#link.start();
  }

  get id(): string {
    return this.#address.id;
  }

  get isReady(): boolean {
    return this.#link.state === "ready";
  }

  get nextBatch(): number {
    return this.#nextBatch;
  }

  get isIdle(): boolean {
    return this.#streams.size === 0;
  }

  stop(): Promise<void> {
    return this.#link.stop();
  }

  /** It is reached there from now on. */
  moveTo(address: PeerAddress): void {
    const { host, port } = this.#address;
    if (address.host === host && address.port === port) return;
    this.#address = address;
    this.#link.moveTo(address);
  }

  add(stream: ShardStream): void {
    this.#streams.set(stream.led.shard, stream);
    this.#turns.push(stream);
  }

  remove(stream: ShardStream): void {
    this.#streams.delete(stream.led.shard);
    this.#turns = this.#turns.filter((other) => other !== stream);
    stream.end();
  }

  /** Time has gone on by `BEAT_MS`. */
  beat(): void {
    this.#silentBeats = this.#link.takeHeard() || !this.#link.hasSent ? 0 : this.#silentBeats + 1;
    if (this.#silentBeats > PEER_SILENT_BEATS_MAX) {
      this.#silentBeats = 0;
      return this.#link.drop("it has not answered for too long");
    }
    for (const stream of [...this.#turns]) stream.beat();
    this.#bound();
    this.wake();
  }

  wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    queueMicrotask(this.#sendGathered);
  }

  askPlace({ shard, epoch }: LedShard, answered: (reply: ReplyValue) => void): void {
    encodeRequest(this.#link.outgoing, ["ROUNDEL", "PLACE", String(shard), String(epoch)]);
    const sink = {
      receive: (_tag: number, { bytes }: Memory, start: number, end: number) =>
        answered(parseReply(bytes, start, end)),
    };
    this.#link.added(sink, 0, -1, false);
  }

  // ---- The link's owner ----------------------------------------------------------------------------

  async shakeHands(ask: Asker): Promise<void> {
    const own = this.#options.identity();
    const reply = await ask(IDENTITY_REQUEST);
    if (reply.kind !== "bulk") {
      throw new Error(reply.kind === "error" ? reply.text : "it does not say who it is");
    }
    const { id, cluster } = parseIdentity(textOf(reply.bytes));
    if (id !== this.id || cluster !== own.cluster) {
      throw new RefusalError(`It is node ${id} of cluster ${cluster}, not node ${this.id}`);
    }
    const number = this.#options.nextLinkNumber();
    const linked = await ask(linkRequest({ balancer: own.id, run: this.#options.run, lane: LANE, number }));
    if (linked.kind !== "simple") throw new Error(linked.kind === "error" ? linked.text : linked.kind);
  }

  ready(): void {
    this.#silentBeats = 0;
    for (const stream of [...this.#turns]) stream.place();
  }

  lost(): void {
    this.#inFlightCount = this.#inFlightBytes = 0;
    for (const stream of [...this.#turns]) stream.place();
  }

  wasNotExecuted(): boolean {
    return false;
  }

  /** What it was sent in vain is sent anew from where it says that it stands. */
  returned(): void {}

  // ---- Batches -------------------------------------------------------------------------------------

  /** Sends what waits, unless too much is unanswered. */
  #send(): void {
    this.#isWoken = false;
    if (!this.isReady) return;
    for (const stream of this.#turns) stream.endRequest();
    this.#sendBeats();
    const sections = this.#mayAppend() ? this.#gather() : [];
    if (sections.length > 0) this.#append(sections);
  }

  /** Beats go by themselves, since they are answered at once, and records when they are durable. */
  #sendBeats(): void {
    const due = this.#turns.filter((stream) => stream.isBeatDue);
    if (due.length === 0) return;
    for (const stream of due) stream.isBeatDue = false;
    this.#append(due.map((stream) => ({ stream, records: NO_RECORDS })));
  }

  #mayAppend(): boolean {
    if (this.#link.isFullFor(false)) return false;
    return this.#inFlightCount < APPENDS_IN_FLIGHT_MAX && this.#inFlightBytes < APPEND_WINDOW_BYTES;
  }

  /** What each stream has to send, until a batch has enough. Those that had their turn come last the next time. */
  #gather(): Section[] {
    const sections: Section[] = [];
    let bytes = 0;
    let mayWalk = true;
    const waiting = [];
    const served = [];
    for (const stream of this.#turns) {
      if (bytes >= APPEND_BYTES) {
        waiting.push(stream);
        continue;
      }
      const isWalking = stream.isWalking;
      const records = stream.next(mayWalk);
      if (isWalking) mayWalk = false;
      if (records !== null && (bytes === 0 || bytes + records.length <= APPEND_BYTES)) {
        sections.push({ stream, records });
        bytes += records.length;
        served.push(stream);
      } else waiting.push(stream);
    }
    this.#turns = [...waiting, ...served];
    return sections;
  }

  #append(sections: readonly Section[]): void {
    const { outgoing } = this.#link;
    let byteLength = BATCH_HEAD_BYTES;
    for (const { records } of sections) byteLength += SECTION_HEAD_BYTES + (records?.length ?? 0);
    const { clock } = this.#options;
    const isBeat = sections[0]!.records === null;
    const batch = new Batch(this, {
      number: this.#nextBatch++,
      sentAtMs: clock.monotonicMs(),
      byteLength: isBeat ? 0 : byteLength,
    });
    outgoing.ascii("*3\r\n$7\r\nROUNDEL\r\n$6\r\nAPPEND\r\n$");
    outgoing.decimal(byteLength);
    outgoing.ascii("\r\n");
    outgoing.f64(this.#options.timeMs());
    for (const { stream, records } of sections) {
      const { shard, epoch } = stream.led;
      encodeSectionHead(outgoing, { shard, epoch, byteLength: records?.length ?? 0 });
      if (records === null) continue;
      outgoing.copy(records.bytes, 0, records.length);
      stream.sent(batch);
    }
    outgoing.ascii("\r\n");
    this.#link.added(batch, 0, -1, false);
    if (isBeat) return;
    this.#inFlightCount++;
    this.#inFlightBytes += byteLength;
  }

  answered(batch: Batch, reply: ReplyValue): void {
    if (batch.byteLength > 0) {
      this.#inFlightCount--;
      this.#inFlightBytes -= batch.byteLength;
    }
    if (reply.kind === "error") {
      for (const stream of [...this.#turns]) stream.refused();
    } else {
      const results = reply.kind === "bulk" ? decodeResults(reply.bytes, 0, reply.bytes.length) : null;
      if (results === null) return this.#link.drop("it answered a batch with what are no results");
      for (const result of results) this.#streams.get(result.shard)?.answered(result, batch);
    }
    this.wake();
  }

  /** Where all streams together have more in memory than they may, the longest goes on from the log. */
  #bound(): void {
    const total = this.#turns.reduce((sum, stream) => sum + stream.waitingBytes, 0);
    if (total <= PEER_BUFFER_BYTES) return;
    this.#turns.reduce((one, other) => one.waitingBytes >= other.waitingBytes ? one : other).fallBehind();
  }
}

/** A batch that was sent. */
class Batch implements ReplySink, SentBatch {
  readonly number: number;
  readonly sentAtMs: number;
  /** 0: it has beats only. */
  readonly byteLength: number;
  readonly #peer: Peer;

  constructor(peer: Peer, { number, sentAtMs, byteLength }: SentBatch & { readonly byteLength: number }) {
    this.#peer = peer;
    this.number = number;
    this.sentAtMs = sentAtMs;
    this.byteLength = byteLength;
  }

  receive(_tag: number, { bytes }: Memory, start: number, end: number): void {
    this.#peer.answered(this, parseReply(bytes, start, end));
  }
}
