/**
 * Roles of the copies of one shard, walked at random: four nodes over a network that delays, drops, repeats and reorders,
 * nodes that die and start again, a controller that hears some of it. Each walk goes as the model of the protocol does:
 * an append carries the whole log, and what was acknowledged to a client must be with every member of the in-sync set and
 * be seen by whoever may answer.
 */
import fc from "fast-check";
import { assert } from "@std/assert";
import { ShardRole } from "../../src/replication/shard_role.ts";
import { assertProperty } from "../support/property.ts";

const NODE_COUNT = 4;
const TICK_MS = 27;
const MESSAGES_MAX = 60;

interface Entry {
  readonly epoch: number;
  readonly id: number;
}

interface Register {
  readonly version: number;
  readonly epoch: number;
  readonly primary: number;
  readonly set: readonly number[];
}

type Message =
  & { readonly to: number; readonly from: number }
  & (
    | { readonly kind: "topology"; readonly topology: Register }
    | { readonly kind: "freeze"; readonly epoch: number }
    | {
      readonly kind: "frozen";
      readonly epoch: number;
      readonly end: Entry;
      readonly length: number;
      readonly run: number;
    }
    | {
      readonly kind: "append";
      readonly epoch: number;
      readonly entries: readonly Entry[];
      readonly sentAtMs: number;
      readonly run: number;
    }
    | {
      readonly kind: "ack";
      readonly epoch: number;
      readonly length: number;
      readonly sentAtMs: number;
      readonly run: number;
    }
    | { readonly kind: "diverged"; readonly epoch: number }
    | {
      readonly kind: "status";
      readonly epoch: number;
      readonly join: readonly string[];
      readonly leave: readonly string[];
    }
  );

const CONTROLLER = -1;

/** A xorshift generator: the same walk for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
}

class WalkNode {
  isUp = true;
  run = 0;
  topology: Register;
  log: Entry[] = [];
  /** How much of the log is on the disk. */
  synced = 0;
  role!: ShardRole;
  /** Writes that are not acknowledged to their clients yet. */
  waiting: {
    readonly committing: { readonly committedPosition: number };
    readonly position: number;
    readonly id: number;
  }[] = [];
  readonly id: number;

  constructor(id: number, topology: Register) {
    this.id = id;
    this.topology = topology;
  }

  start(run: number, nowMs: number, isFirst: boolean): void {
    this.isUp = true;
    this.run = run;
    // deno-lint-ignore no-this-alias
    const node = this;
    this.role = new ShardRole({
      shard: 0,
      log: {
        get committedPosition() {
          return node.synced;
        },
      },
      changed: () => {},
      beginEpoch: () => ({ sequence: this.log.length, position: this.log.length }),
      startedMs: nowMs,
    });
    if (isFirst) this.#adoptRole(nowMs);
    else this.role.resume(this.#place());
  }

  die(): void {
    this.isUp = false;
    this.waiting = [];
    this.log.length = Math.min(this.log.length, this.synced);
  }

  adopt(topology: Register, nowMs: number): void {
    if (topology.version <= this.topology.version) return;
    this.topology = topology;
    this.#adoptRole(nowMs);
  }

  #adoptRole(nowMs: number): void {
    this.role.adopt(this.#place(), nowMs);
    for (const peer of this.#peers()) this.role.leadership?.streamChanged(String(peer), "live", nowMs);
  }

  #peers(): number[] {
    return Array.from({ length: NODE_COUNT }, (_, id) => id).filter((id) => id !== this.id);
  }

  #place() {
    const { epoch, primary, set } = this.topology;
    return {
      epoch,
      ids: this.#peers().map(String),
      members: set.filter((id) => id !== this.id).map(String),
      isPrimary: primary === this.id,
      isMember: set.includes(this.id),
    };
  }
}

class Walk {
  readonly #below: (below: number) => number;
  readonly #nodes: WalkNode[];
  #register: Register = { version: 1, epoch: 1, primary: 0, set: [0, 1] };
  #bag: Message[] = [];
  #nowMs = 0;
  #nextId = 1;
  #newestRun = 0;
  #freezing: { readonly epoch: number; readonly answers: Map<number, Message & { kind: "frozen" }> } | null =
    null;
  readonly #cut = new Set<number>();
  readonly acknowledged: number[] = [];
  readonly trace: string[] = [];

  constructor(seed: number) {
    this.#below = generator(seed);
    this.#nodes = Array.from({ length: NODE_COUNT }, (_, id) => new WalkNode(id, this.#register));
    for (const node of this.#nodes) node.start(this.#newestRun++, 0, true);
  }

  get epochCount(): number {
    return this.#register.epoch;
  }

  step(): void {
    const below = this.#below;
    if (below(3) === 0) this.#nowMs += TICK_MS;
    if (below(25) === 0) this.#toggleCut(below(NODE_COUNT));
    const node = this.#nodes[below(NODE_COUNT)]!;
    const act = below(20);
    if (act < 8) this.#deliverSome();
    else if (act < 11) this.#write();
    else if (act < 13) this.#read();
    else if (act === 13) this.#report(node);
    else if (act === 14) this.#sync(node);
    else if (act === 15) this.#freeze();
    else if (act === 16) this.#failOver();
    else if (act === 17) this.#dieOrStart(node);
    else if (act === 18) this.#tell();
    else this.#look();
    this.#acknowledge();
    for (const member of this.#register.set) {
      const { log } = this.#nodes[member]!;
      const lacking = this.acknowledged.find((id) => !log.some((entry) => entry.id === id));
      assert(lacking === undefined, this.#text(`member ${member} lacks acknowledged ${lacking}`));
    }
  }

  #text(what: string): string {
    return `${what}\n${this.trace.slice(-40).join("\n")}`;
  }

  #say(text: string): void {
    this.trace.push(`${this.#nowMs} ${text}`);
  }

  #send(message: Message): void {
    this.#bag.push(message);
  }

  #toggleCut(id: number): void {
    if (this.#cut.delete(id)) return;
    if (this.#cut.size > 0) return;
    this.#cut.add(id);
    this.#say(`node ${id} is cut off`);
  }

  #deliverSome(): void {
    const below = this.#below;
    for (let k = 0; k < 3 && this.#bag.length > 0; k++) {
      const [message] = this.#bag.splice(below(3) === 0 ? below(this.#bag.length) : 0, 1);
      if (below(8) !== 0) this.#deliver(message!);
      if (below(12) === 0) this.#bag.push(message!);
      if (this.#bag.length > MESSAGES_MAX) this.#bag = this.#bag.filter(() => below(3) !== 0);
    }
  }

  #deliver(message: Message): void {
    if (this.#cut.has(message.to) || this.#cut.has(message.from)) return;
    if (message.to === CONTROLLER) return this.#controllerHears(message);
    const node = this.#nodes[message.to]!;
    if (!node.isUp) return;
    const leadership = node.role.leadership;
    const from = String(message.from);
    switch (message.kind) {
      case "topology":
        return node.adopt(message.topology, this.#nowMs);
      case "freeze":
        node.role.freeze(message.epoch);
        return this.#send({
          kind: "frozen",
          to: CONTROLLER,
          from: node.id,
          epoch: message.epoch,
          end: node.log.at(-1) ?? { epoch: 0, id: 0 },
          length: node.log.length,
          run: node.run,
        });
      case "append":
        return this.#append(node, message);
      case "ack":
        if (message.run !== node.run || leadership === null) return;
        return leadership.acknowledged(from, { ...message, sequence: message.length }, this.#nowMs);
      case "diverged":
        if (leadership?.epoch === message.epoch) leadership.streamChanged(from, "diverged", this.#nowMs);
    }
  }

  #append(node: WalkNode, message: Message & { kind: "append" }): void {
    const { role, log } = node;
    if (role.refusalOf(message.epoch) !== 0) return;
    role.follow(message.epoch);
    const back = { to: message.from, from: node.id, epoch: message.epoch };
    const acknowledge = (length: number) => {
      role.acknowledging(this.#nowMs);
      node.synced = node.log.length;
      this.#send({ ...back, kind: "ack", length, sentAtMs: message.sentAtMs, run: message.run });
    };
    const { entries } = message;
    if (entries.length < log.length && isPrefix(entries, log)) return acknowledge(entries.length);
    if (!isPrefix(log, entries) && role.isMember) return this.#send({ ...back, kind: "diverged" });
    node.log = [...entries];
    acknowledge(node.log.length);
  }

  #broadcast(node: WalkNode): void {
    for (const { id } of this.#nodes) {
      if (id === node.id) continue;
      this.#send({
        kind: "append",
        to: id,
        from: node.id,
        epoch: node.role.leadership!.epoch,
        entries: [...node.log],
        sentAtMs: this.#nowMs,
        run: node.run,
      });
    }
  }

  #leaders(): WalkNode[] {
    return this.#nodes.filter((node) => node.isUp && node.role.leadership !== null);
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list.length === 0 ? undefined : list[this.#below(list.length)];
  }

  #write(): void {
    const node = this.#pick(this.#leaders());
    if (node === undefined) return;
    const leadership = node.role.leadership!;
    if (leadership.isOpen) {
      const id = this.#nextId++;
      node.log.push({ epoch: leadership.epoch, id });
      leadership.appended(node.log.length, node.log.length);
      node.waiting.push({ committing: leadership, position: node.log.length, id });
    }
    this.#broadcast(node);
    if (this.#below(2) === 0) this.#sync(node);
  }

  #sync(node: WalkNode): void {
    if (!node.isUp) return;
    node.synced = node.log.length;
    node.role.leadership?.look(this.#nowMs);
  }

  /** Whoever may answer has to show what was acknowledged last. */
  #read(): void {
    const node = this.#pick(this.#leaders());
    if (node === undefined || node.role.servesUntilMs <= this.#nowMs) return;
    const seen = node.log.slice(0, node.role.leadership!.committedPosition);
    const newest = this.acknowledged.at(-1);
    const isSeen = newest === undefined || seen.some(({ id }) => id === newest);
    assert(isSeen, this.#text(`node ${node.id} answers without acknowledged ${newest}`));
  }

  #acknowledge(): void {
    for (const node of this.#nodes) {
      node.waiting = node.waiting.filter(({ committing, position, id }) => {
        if (position > committing.committedPosition) return true;
        this.acknowledged.push(id);
        this.#say(`node ${node.id} acknowledges ${id}`);
        return false;
      });
    }
  }

  /** The controller asks a primary how it is; now and then it is told that some member should leave, too. */
  #report(node: WalkNode): void {
    const leadership = node.isUp ? node.role.leadership : null;
    if (leadership === null) return;
    const { join, leave } = leadership.proposals(this.#nowMs);
    const other = String(this.#below(NODE_COUNT));
    const others = this.#below(4) === 0 ? [...leave, other] : leave;
    this.#send({
      kind: "status",
      to: CONTROLLER,
      from: node.id,
      epoch: leadership.epoch,
      join,
      leave: others,
    });
  }

  #look(): void {
    for (const node of this.#leaders()) {
      node.role.leadership!.look(this.#nowMs);
      if (this.#below(2) === 0) this.#broadcast(node);
    }
  }

  #controllerHears(message: Message): void {
    const { epoch, set, primary } = this.#register;
    if (message.kind === "frozen" && this.#freezing?.epoch === message.epoch && epoch === message.epoch) {
      this.#freezing.answers.set(message.from, message);
    }
    if (message.kind !== "status" || message.epoch !== epoch || message.from !== primary) return;
    const leaving = set.find((id) => message.leave.includes(String(id)) && id !== primary);
    const joining = message.join.map(Number).find((id) => !set.includes(id));
    if (leaving !== undefined) this.#change({ primary, set: set.filter((id) => id !== leaving) });
    else if (joining !== undefined) this.#change({ primary, set: [...set, joining] });
  }

  #freeze(): void {
    const { epoch, set, primary } = this.#register;
    if (this.#freezing?.epoch !== epoch || this.#below(6) === 0) {
      this.#freezing = { epoch, answers: new Map() };
    }
    for (const to of set) {
      if (to !== primary || this.#below(2) === 0) this.#send({ kind: "freeze", to, from: CONTROLLER, epoch });
    }
  }

  #failOver(): void {
    const { epoch, set } = this.#register;
    if (this.#freezing?.epoch !== epoch) return;
    const answers = [...this.#freezing.answers.values()].filter(({ from, run }) =>
      set.includes(from) && this.#nodes[from]!.run === run
    );
    if (answers.length === 0) return;
    const best = answers.reduce((a, b) =>
      b.end.epoch > a.end.epoch || (b.end.epoch === a.end.epoch && b.length > a.length) ? b : a
    );
    this.#freezing = null;
    this.#change({ primary: best.from, set: answers.map(({ from }) => from) });
  }

  /** Saved before anybody is told. */
  #change(next: { readonly primary: number; readonly set: readonly number[] }): void {
    const { version, epoch } = this.#register;
    this.#register = { ...next, version: version + 1, epoch: epoch + 1 };
    this.#say(`epoch ${epoch + 1}: primary ${next.primary} of ${next.set}`);
    this.#tell();
  }

  #tell(): void {
    for (const { id } of this.#nodes) {
      this.#send({ kind: "topology", to: id, from: CONTROLLER, topology: this.#register });
    }
  }

  #dieOrStart(node: WalkNode): void {
    const below = this.#below;
    if (below(2) === 0) return;
    if (!node.isUp) {
      node.start(this.#newestRun++, this.#nowMs, false);
      this.#say(`node ${node.id} starts`);
    } else if (below(2) === 0) {
      node.die();
      this.#say(`node ${node.id} dies`);
    }
  }
}

/** As the protocol can tell: the same epoch at the same place means the same history up to there. */
function isPrefix(one: readonly Entry[], other: readonly Entry[]): boolean {
  if (one.length === 0) return true;
  return one.length <= other.length && one.at(-1)!.epoch === other[one.length - 1]!.epoch;
}

Deno.test("Whatever is lost, late or comes twice, an acknowledged write is on every member and is seen by who answers", () => {
  let acknowledged = 0;
  let epochs = 0;
  assertProperty(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (seed) => {
      const walk = new Walk(seed);
      for (let step = 0; step < 1_000; step++) walk.step();
      acknowledged += walk.acknowledged.length;
      epochs += walk.epochCount;
    }),
    { numRuns: 100 },
  );
  assert(acknowledged > 1_000 && epochs > 500, `the walks do something: ${acknowledged}, ${epochs}`);
});
