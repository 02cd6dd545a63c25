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
 * | refused with `MOVED` or `CLUSTERDOWN`      | likewise, with our topology in front, when its shard is served (`holds.ts`) |
 * | refused with `TRYAGAIN`                    | likewise                                                 |
 * | a read, sent, its link broke               | likewise                                                 |
 * | a read without a slot, its node fell silent | `CLUSTERDOWN`: it may be what the node choked on         |
 * | a write, sent, its link broke              | `UNCERTAIN`                                              |
 * | any, its node is away for longer than it is waited for | `CLUSTERDOWN`                                |
 * | any, its node was refused                  | `CLUSTERDOWN` at once                                    |
 */
import { textOf } from "../core/bytes.ts";
import type { Clock, Timer } from "../core/clock.ts";
import { LINK_LOOK_MS, PROBE_LOOKS, SEND_ATTEMPTS_MAX, SILENT_LOOKS_MAX } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import { type Address, addressText } from "../io/network.ts";
import type { Asker } from "../link/ask.ts";
import type { ReturnedRequest } from "../link/in_flight.ts";
import { BulkLane } from "../link/bulk_lane.ts";
import { Link, type LinkOwner, type LinkState } from "../link/link.ts";
import type { ReplySink } from "../link/reply_sink.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { type NodeStatus, resumeRequest } from "../protocol/roundel_exchange.ts";
import type { ObservedNode } from "../controller/topology_source.ts";
import type { Gate } from "./gate.ts";
import type { HoldingNode } from "./holds.ts";
import type { Lane } from "./link_names.ts";
import type { NodeOwner, RemoteNodeOptions } from "./node_owner.ts";
import { Probe } from "./probe.ts";
import { TopologyPush } from "./topology_push.ts";
import { answer, isUncertain, longReplyBytes, wasNotExecuted } from "./returned_request.ts";

export class RemoteNode implements LinkOwner, ObservedNode, HoldingNode {
  /** `null` until it is known. */
  id: string | null = null;
  /** For replies that are too long for its links. */
  readonly bulk: BulkLane;
  readonly #options: RemoteNodeOptions<RemoteNode>;
  readonly #clock: Clock;
  readonly #owner: NodeOwner<RemoteNode>;
  readonly #data: Link;
  readonly #topology: TopologyPush;
  readonly #probe: Probe;
  #slow: Link | null = null;
  #address: Address;
  #name: string;
  /** Since when it is not ready; while it is, when it was heard last. */
  #heardMs: number;
  #awaySinceMs: number;
  #wasReached = false;
  /** What the log knows. */
  #loggedState = "";
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
    this.#awaySinceMs = this.#heardMs = options.clock.monotonicMs();
    this.#data = new Link({ ...options, owner: this });
    this.#topology = new TopologyPush(this.#data, () => options.owner.topologyText());
    this.#probe = new Probe({
      link: new Link({ ...options, owner: this.#sideOwner("probe") }),
      logger: options.logger,
      told: () => this.#owner.told(this),
    });
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
    return this.state === "ready" ? this.status?.writeRefusal ?? "" : this.cause;
  }

  get away(): ObservedNode["away"] {
    if (this.state === "ready") return null;
    return { sinceMs: this.#awaySinceMs, wasReached: this.#wasReached, cause: this.cause };
  }

  get status(): NodeStatus | null {
    return this.#probe.status;
  }

  askAside(args: readonly string[]): Promise<ReplyValue> {
    return this.#probe.askAside(args);
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
    await Promise.all(this.#links.map((link) => link.stop()));
    this.#resolveTried();
    for (const resolve of this.#waitingUntilReady.splice(0)) resolve();
  }

  /** It is reached at `address` from now on. */
  moveTo(address: Address): void {
    if (addressText(address) === this.#name) return;
    this.#address = address;
    this.#name = addressText(address);
    for (const link of this.#links) link.moveTo(address);
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

  /** Resolves once the node was reached or refused, or could not be reached for as long as it is waited for. */
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

  pushTopology(): void {
    void this.#topology.push();
  }

  /** What waits for the node, which is not ready, goes to where it belongs by now. */
  reroute(): void {
    this.#data.returnUnsent();
  }

  whenDrained(shard: number, ended: () => void): void {
    this.#data.watch((slot) => slot >= 0 && this.#owner.shardOf(slot) === shard, ended);
  }

  serves(shard: number): boolean {
    return this.#owner.isServed(shard, this.#probe.statusOf(shard));
  }

  probe(): void {
    this.#probe.ask();
  }

  sendKept(shard: number, requests: readonly ReturnedRequest[]): void {
    if (this.#probe.resumed(shard)) void this.#data.ask(resumeRequest([shard]), false);
    for (const request of requests) this.resend(request);
  }

  isRefusing(shard: number): void {
    this.#probe.refused(shard);
  }

  // ---- Owner of the data link ------------------------------------------------------------------

  async shakeHands(ask: Asker): Promise<void> {
    await this.#owner.admit(this, ask);
    this.#topology.wasGiven();
    await this.#owner.nameLink(this, "data", ask);
  }

  ready(): void {
    this.#options.logger.info("node is ready", { node: this.#name });
    this.#loggedState = "ready";
    if (!this.#wasReached) this.#probe.link.start();
    this.#wasReached = true;
    this.#isSilent = false;
    this.#silentLooks = 0;
    this.#heardMs = this.#clock.monotonicMs();
    if (!this.#topology.isUpToDate) this.pushTopology();
    this.#resolveTried();
    for (const resolve of this.#waitingUntilReady.splice(0)) resolve();
    this.#owner.told(this);
  }

  lost(wasReady: boolean): void {
    const { state, cause } = this.#data;
    this.bulk.dropIdle();
    if (wasReady && !this.#isSilent) this.#heardMs = this.#clock.monotonicMs();
    if (wasReady) this.#awaySinceMs = this.#heardMs; // whoever fell silent has been away since then
    this.#probe.forget();
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
    if (isUncertain(bytes, start, end)) this.#owner.wasUncertain();
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
      const text = textOf(reply, 1, reply.length - 2);
      return route < 0 ? answer(request, text) : this.#owner.refused(request, this, text);
    }
    if (isSent && isWrite) {
      this.#owner.wasUncertain();
      return answer(request, this.uncertainText());
    }
    const isSuspect = isSent && this.#isSilent && route < 0;
    const isVain = isSent && attempts >= SEND_ATTEMPTS_MAX;
    if (isSuspect || isVain) answer(request, this.unreachableText(route));
    else this.#owner.cameBack(request, this);
  }

  /** Sends a request that came back, from here or elsewhere. */
  resend(request: ReturnedRequest): void {
    if (this.#isAwaited()) this.#data.resend(request);
    else answer(request, this.unreachableText(request.route));
  }

  /** Whether requests may hope for the node. */
  #isAwaited(): boolean {
    if (this.#isStopped || this.state === "refused") return false;
    return this.state === "ready" || this.#clock.monotonicMs() - this.#heardMs < this.#owner.patienceMs;
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

  get #links(): Link[] {
    return [this.#data, this.#probe.link, ...(this.#slow === null ? [] : [this.#slow])];
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
    const wasHeard = this.#links.filter((link) => link.takeHeard()).length > 0;
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
    if (this.#slowAwayLooks * LINK_LOOK_MS >= this.#owner.patienceMs) this.#slow!.returnUnsent();
    if (wasHeard) {
      this.#heardMs = this.#clock.monotonicMs();
      this.#silentLooks = 0;
    } else if (this.#probe.isAsking || (this.#probe.link.state !== "ready" && this.#data.hasSent)) {
      // Looks are counted, not milliseconds: a balancer that was stopped for a while heard nothing meanwhile.
      if (++this.#silentLooks >= SILENT_LOOKS_MAX) return this.#fallSilent();
    }
    if (this.#looks % PROBE_LOOKS === 0) this.#probe.ask();
  }

  #fallSilent(): void {
    this.#isSilent = true;
    const cause = `it has said nothing for ${SILENT_LOOKS_MAX * LINK_LOOK_MS} ms`;
    for (const link of this.#links) link.drop(cause);
    this.bulk.drop();
  }

  #resolveTried(): void {
    for (const resolve of this.#waitingUntilTried.splice(0)) resolve();
  }
}
