/**
 * A node as the balancer sees it, known by its id, and its connections, three links and a few that are none:
 *
 * | lane  | carries                                                                                        |
 * |-------|------------------------------------------------------------------------------------------------|
 * | data  | the requests of clients                                                                        |
 * | slow  | requests that take long, such as `SAVE`, which would hold up everybody's; made when it is needed |
 * | probe | "how are you?", several times a second: a node that answers it is there, however busy it is    |
 * | bulk  | requests whose replies are too long for the data link, one at a time: see `bulk_lane.ts`         |
 *
 * What becomes of requests that come back from a link:
 *
 * | request                                    | its way                                                  |
 * |--------------------------------------------|----------------------------------------------------------|
 * | refused with `LARGE`                       | whoever asked fetches the reply by the bulk lane         |
 * | not sent                                   | to the node that keeps its slot by now                   |
 * | refused with `MOVED` or `CLUSTERDOWN`      | likewise, with our topology in front, `SEND_ATTEMPTS_MAX` times in all |
 * | a read, sent, its link broke               | likewise                                                 |
 * | a read without a slot, its node fell silent | `CLUSTERDOWN`: it may be what the node choked on         |
 * | a write, sent, its link broke              | `UNCERTAIN`                                              |
 * | any, its node is away for `RETRY_DEADLINE_MS` | `CLUSTERDOWN`                                         |
 * | any, its node was refused                  | `CLUSTERDOWN` at once                                    |
 */
import { textOf } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import {
  LINK_LOOK_MS,
  PROBE_LOOKS,
  RETRY_DEADLINE_MS,
  SEND_ATTEMPTS_MAX,
  SILENT_LOOKS_MAX,
} from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { type Address, addressText } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { ReturnedRequest } from "../link/in_flight.ts";
import { BulkLane } from "../link/bulk_lane.ts";
import { Link, type LinkOwner, type LinkState } from "../link/link.ts";
import type { ReplySink } from "../link/reply_sink.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { parseStatus, STATUS_REQUEST, topologyRequest } from "../protocol/roundel_exchange.ts";
import type { Gate } from "./gate.ts";
import type { Lane } from "./link_names.ts";
import type { NodeOwner, RemoteNodeOptions } from "./node_owner.ts";
import { answer, longReplyBytes, wasNotExecuted } from "./returned_request.ts";

export class RemoteNode implements LinkOwner {
  /** `null` until it is known. */
  id: string | null = null;
  /** For replies that are too long for its links. */
  readonly bulk: BulkLane;
  readonly #options: RemoteNodeOptions<RemoteNode>;
  readonly #clock: Clock;
  readonly #owner: NodeOwner<RemoteNode>;
  readonly #data: Link;
  readonly #probe: Link;
  #slow: Link | null = null;
  #address: Address;
  #name: string;
  #writeRefusal = "";
  /** Since when it is not ready; while it is, when it was heard last. */
  #heardMs: number;
  #wasReached = false;
  /** What the log knows. */
  #loggedState = "";
  /** The document that the node has. */
  #sentTopology = "";
  #isPushing = false;
  #isProbing = false;
  #isStopped = false;
  /** It fell silent, and has not been heard since. */
  #isSilent = false;
  #looks = 0;
  #silentLooks = 0;
  /** Looks for which the slow link is wanted and is not there. */
  #slowAwayLooks = 0;
  #watch: Timer | null = null;
  readonly #roomForReads: Gate = { whenRoom: () => this.#data.whenRoom(false) };
  readonly #roomForWrites: Gate = { whenRoom: () => this.#data.whenRoom(true) };
  #waitingUntilReady: (() => void)[] = [];
  #waitingUntilTried: (() => void)[] = [];

  constructor(options: RemoteNodeOptions<RemoteNode>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#owner = options.owner;
    this.#address = options.address;
    this.#name = addressText(options.address);
    this.#heardMs = options.clock.monotonicMs();
    this.#data = new Link({ ...options, owner: this });
    this.#probe = new Link({ ...options, owner: this.#sideOwner("probe") });
    this.bulk = new BulkLane({
      ...options,
      address: () => this.#address,
      shakeHands: (ask, number) => this.#owner.nameLink(this, `bulk${number}`, ask),
    });
  }

  /** `host:port`. */
  get name(): string {
    return this.#name;
  }

  get address(): Address {
    return this.#address;
  }

  get state(): LinkState {
    return this.#data.state;
  }

  /** Why it is not ready; `""` while it is. */
  get cause(): string {
    return this.#data.cause;
  }

  /** Why it does not serve, or takes no writes, as was known a moment ago; `""` when all is well. */
  get problem(): string {
    return this.state === "ready" ? this.#writeRefusal : this.cause;
  }

  /** Unanswered requests. */
  get inFlightCount(): number {
    return this.#data.inFlightCount;
  }

  /** What requests, or writes, should wait for; `null` while there is room. */
  gateFor(isWrite: boolean): Gate | null {
    if (!this.#data.isFullFor(isWrite)) return null;
    return isWrite ? this.#roomForWrites : this.#roomForReads;
  }

  /** Begins to connect, and keeps at it. */
  start(): void {
    this.#watch = this.#clock.every(LINK_LOOK_MS, () => this.#look());
    this.#data.start();
  }

  /** Closes the links; what is unanswered gets an error. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#watch?.cancel();
    this.bulk.drop();
    await Promise.all([this.#data, this.#probe, this.#slow].map((link) => link?.stop()));
    this.#resolveTried();
    for (const resolve of this.#waitingUntilReady.splice(0)) resolve();
  }

  /** It is reached at `address` from now on. */
  moveTo(address: Address): void {
    if (addressText(address) === this.#name) return;
    this.#address = address;
    this.#name = addressText(address);
    for (const link of [this.#data, this.#probe, this.#slow]) link?.moveTo(address);
    this.bulk.drop();
  }

  /** Gives up the links, so that the node is admitted anew. */
  reconnect(): void {
    this.#data.drop("it is connected to anew");
  }

  /** Resolves when the node can serve, or when it was stopped. */
  whenReady(): Promise<void> {
    if (this.state === "ready" || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => this.#waitingUntilReady.push(resolve));
  }

  /** Resolves once the node was reached or refused, or could not be reached for `RETRY_DEADLINE_MS`. */
  whenTried(): Promise<void> {
    if (this.isTried) return Promise.resolve();
    return new Promise((resolve) => this.#waitingUntilTried.push(resolve));
  }

  get isTried(): boolean {
    return this.#wasReached || !this.#isAwaited();
  }

  /** Where the bytes of the next request go, followed by {@linkcode RemoteNode.added}. */
  get outgoing(): OutputBuffer {
    return this.#data.outgoing;
  }

  /** The bytes that were just appended to {@linkcode RemoteNode.outgoing} are a request; `slot` −1 = of none. */
  added(sink: ReplySink, tag: number, slot: number, isWrite: boolean): void {
    this.#data.added(sink, tag, slot, isWrite);
    if (this.state !== "ready" && !this.#isAwaited()) this.#data.returnUnsent();
  }

  /** Sends a request and resolves to its reply, which may be an error. */
  ask(args: readonly (string | Uint8Array)[], isWrite: boolean, slot = -1): Promise<ReplyValue> {
    const reply = this.#data.ask(args, isWrite, slot);
    if (this.state !== "ready" && !this.#isAwaited()) this.#data.returnUnsent();
    return reply;
  }

  /** As {@linkcode RemoteNode.ask}, for what takes long, once everything that was sent before is executed. */
  async askSlowly(args: readonly (string | Uint8Array)[]): Promise<ReplyValue> {
    const before = await this.ask(["PING"], false);
    if (before.kind === "error") return before;
    if (this.#slow === null) {
      this.#slow = new Link({ ...this.#options, address: this.#address, owner: this.#sideOwner("slow") });
      this.#slow.start();
    }
    return await this.#slow.ask(args, false);
  }

  /** Gives the node the present topology, unless it has it; a node that does not take it is admitted anew. */
  async pushTopology(): Promise<void> {
    const text = this.#owner.topologyText();
    if (this.state !== "ready" || this.#isPushing) return;
    this.#isPushing = true;
    const reply = await this.#data.ask(topologyRequest(text), false);
    this.#isPushing = false;
    if (reply.kind === "error") this.#data.drop(`it does not take the topology: ${reply.text}`);
    else this.#sentTopology = text;
    if (text !== this.#owner.topologyText()) this.pushTopology();
  }

  /** What waits for the node, which is not ready, goes to where it belongs by now. */
  reroute(): void {
    this.#data.returnUnsent();
  }

  /** Calls `ended` once every present request of the slots that `isWatched` names is answered or has come back. */
  watch(isWatched: (slot: number) => boolean, ended: () => void): void {
    this.#data.watch(isWatched, ended);
  }

  // ---- Owner of the data link ------------------------------------------------------------------

  async shakeHands(ask: Asker): Promise<void> {
    await this.#owner.admit(this, ask);
    this.#sentTopology = this.#owner.topologyText();
    await this.#owner.nameLink(this, "data", ask);
  }

  ready(): void {
    this.#options.logger.info("node is ready", { node: this.#name });
    this.#loggedState = "ready";
    if (!this.#wasReached) this.#probe.start();
    this.#wasReached = true;
    this.#isSilent = false;
    this.#silentLooks = 0;
    this.#heardMs = this.#clock.monotonicMs();
    if (this.#sentTopology !== this.#owner.topologyText()) this.pushTopology();
    this.#resolveTried();
    for (const resolve of this.#waitingUntilReady.splice(0)) resolve();
  }

  lost(wasReady: boolean): void {
    const { state, cause } = this.#data;
    this.bulk.dropIdle();
    if (wasReady && !this.#isSilent) this.#heardMs = this.#clock.monotonicMs();
    // Once for a change: how it cannot be reached may differ from try to try, why it is refused matters.
    const toLog = state === "refused" ? cause : state;
    if (!this.#isStopped && this.#loggedState !== toLog) {
      this.#loggedState = toLog;
      const fields = { node: this.#name, cause };
      if (state === "refused") this.#options.logger.error("node is refused", fields);
      else this.#options.logger.warn("node cannot be reached", fields);
    }
    if (state !== "refused") return;
    this.#data.returnUnsent();
    this.#resolveTried();
  }

  wasNotExecuted(bytes: Uint8Array, start: number, end: number): boolean {
    return wasNotExecuted(bytes, start, end);
  }

  returned(request: ReturnedRequest, reply: Uint8Array | null): void {
    const { route, isWrite, isSent, attempts, sink, tag } = request;
    const byteLength = reply === null ? 0 : longReplyBytes(reply);
    if (byteLength > 0 && sink.tooLong !== undefined) {
      const copy = request.source.bytes.slice(request.start, request.end);
      return sink.tooLong(tag, { request: copy, route, isWrite, byteLength });
    }
    if (reply !== null) {
      if (attempts >= SEND_ATTEMPTS_MAX || route < 0) return answer(request, this.#refusal(route, reply));
      this.pushTopology();
    } else if (isSent) {
      if (isWrite) return answer(request, this.uncertainText());
      const isSuspect = this.#isSilent && route < 0;
      if (isSuspect || attempts >= SEND_ATTEMPTS_MAX) return answer(request, this.unreachableText(route));
    }
    this.#owner.ofReturned(route, this).#resend(request);
  }

  #resend(request: ReturnedRequest): void {
    if (this.#isAwaited()) this.#data.resend(request);
    else answer(request, this.unreachableText(request.route));
  }

  /** Whether requests may hope for the node. */
  #isAwaited(): boolean {
    if (this.#isStopped || this.state === "refused") return false;
    return this.state === "ready" || this.#clock.monotonicMs() - this.#heardMs < RETRY_DEADLINE_MS;
  }

  /** That a write of it got no answer. */
  uncertainText(): string {
    return `UNCERTAIN The node ${this.#name} went away before it answered; ` +
      "the write may or may not have been applied";
  }

  /** That a request of `slot` was not done, because of `cause`. */
  unreachableText(slot: number, cause = this.cause): string {
    const keeps = slot < 0 ? "" : ` that keeps slot ${slot}`;
    return `CLUSTERDOWN The node ${this.#name}${keeps} cannot be reached: ${cause}`;
  }

  #refusal(slot: number, reply: Uint8Array): string {
    const text = textOf(reply, 1, reply.length - 2);
    return slot < 0 ? text : `CLUSTERDOWN The node ${this.#name} does not serve slot ${slot}: ${text}`;
  }

  // ---- The side links --------------------------------------------------------------------------

  /** Of the probe and the slow lane: they follow the data link, and nothing on them is sent twice. */
  #sideOwner(lane: Lane): LinkOwner {
    return {
      shakeHands: (ask) => this.#owner.nameLink(this, lane, ask),
      ready: () => {},
      lost: () => {},
      wasNotExecuted: () => false,
      returned: (request) => answer(request, this.unreachableText(-1, this.#causeOf(lane))),
    };
  }

  #causeOf(lane: Lane): string | undefined {
    return lane === "slow" && this.state === "ready" ? this.#slow?.cause : this.cause;
  }

  /** The regular look for requests that wait too long and for a node that has fallen silent. */
  #look(): void {
    this.#looks++;
    this.bulk.look();
    const wasHeard = [this.#data, this.#probe, this.#slow].filter((link) => link?.takeHeard()).length > 0;
    if (this.state !== "ready") {
      this.#slow?.returnUnsent();
      if (this.#isAwaited()) return;
      this.#data.returnUnsent();
      this.#resolveTried();
      return;
    }
    // Where only the slow link cannot be made, its requests wait for it as long as others do for the node.
    const isSlowAway = this.#slow !== null && this.#slow.state !== "ready";
    this.#slowAwayLooks = isSlowAway ? this.#slowAwayLooks + 1 : 0;
    if (this.#slowAwayLooks * LINK_LOOK_MS >= RETRY_DEADLINE_MS) this.#slow!.returnUnsent();
    if (wasHeard) {
      this.#heardMs = this.#clock.monotonicMs();
      this.#silentLooks = 0;
    } else if (this.#isProbing || (this.#probe.state !== "ready" && this.#data.hasSent)) {
      // Looks are counted, not milliseconds: a balancer that was stopped for a while heard nothing meanwhile.
      if (++this.#silentLooks >= SILENT_LOOKS_MAX) return this.#fallSilent();
    }
    if (this.#looks % PROBE_LOOKS === 0 && !this.#isProbing && this.#probe.state === "ready") {
      this.#askStatus();
    }
  }

  #fallSilent(): void {
    this.#isSilent = true;
    const cause = `it has said nothing for ${SILENT_LOOKS_MAX * LINK_LOOK_MS} ms`;
    for (const link of [this.#data, this.#probe, this.#slow]) link?.drop(cause);
    this.bulk.drop();
  }

  async #askStatus(): Promise<void> {
    this.#isProbing = true;
    const reply = await this.#probe.ask(STATUS_REQUEST, false);
    this.#isProbing = false;
    if (reply.kind !== "bulk") return;
    try {
      this.#writeRefusal = parseStatus(textOf(reply.bytes)).writeRefusal;
    } catch (error) {
      // It has answered, which is what matters here.
      this.#options.logger.debug("a node's status cannot be read", {
        node: this.#name,
        cause: messageOf(error),
      });
    }
  }

  #resolveTried(): void {
    for (const resolve of this.#waitingUntilTried.splice(0)) resolve();
  }
}
