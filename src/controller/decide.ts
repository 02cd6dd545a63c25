/**
 * What the controller does next about shards that have several copies, as a pure function of the topology, of what is
 * known of the nodes, and of the time. Nothing here remembers: what was asked and answered comes in as an observation, so
 * another controller, which knows nothing but the topology, goes on where one has ended.
 *
 * | the shard's primary                                          | what is done                                        |
 * |--------------------------------------------------------------|-----------------------------------------------------|
 * | cannot be reached, or says that it does not lead this epoch  | fail-over                                           |
 * | takes no writes, while another member does                   | fail-over to one that does                          |
 * | proposes to take copies into the in-sync set or out of it    | that is the next epoch's set                        |
 * | anything else                                                | nothing                                             |
 *
 * A fail-over first asks every member that can be reached to freeze this epoch and to say where it stands. When they have
 * answered, or had `FREEZE_WAIT_MS`, and none that is away is likely to be back in a moment, one of those that did leads
 * the next epoch: the one that has most, and of several the present primary or the one with the fewest shards. Who answered
 * stays in the set, the others leave it.
 *
 * | the answer                                                    | may lead            | stays in the set           |
 * |---------------------------------------------------------------|---------------------|----------------------------|
 * | is of an earlier run of the process, or of who is not reached | no                  | no                         |
 * | is that of a copy that is being filled                        | no                  | no                         |
 * | says that it may lack what it acknowledged                    | if all members do   | if all members do          |
 * | is of a node that takes no writes                             | if there is no other | if it leads               |
 * | any other of a member                                         | yes                 | yes                        |
 *
 * Without anybody who may lead nothing is done: the shard waits for a member to come back.
 */
import { FIRST_CONTACT_MS, FREEZE_WAIT_MS, PRIMARY_AWAY_MS } from "../core/limits.ts";
import type { CopyStatus, FrozenPlace } from "../protocol/roundel_exchange.ts";
import { nextEpoch, type Topology, type TopologyShard, withShards } from "../topology/topology.ts";

/** A node as it is known at present. Times are monotonic. */
export interface NodeView {
  /** Why it cannot be asked, with the time since when (of one that was never reached: since it is sought); or `null`. */
  readonly away: { readonly sinceMs: number; readonly wasReached: boolean; readonly cause: string } | null;
  /** What it told since it was reached; `null` before. */
  readonly told: ToldStatus | null;
}

export interface ToldStatus {
  readonly incarnation: string;
  /** Of the topology that it has. */
  readonly version: number;
  readonly writeRefusal: string;
  /** By the shards' numbers. */
  readonly copies: ReadonlyMap<number, CopyStatus>;
}

/** What became of a shard's freeze so far. */
export interface Freeze {
  readonly epoch: number;
  /** When it was asked for first. */
  readonly sinceMs: number;
  /** By the nodes' ids. */
  readonly answers: ReadonlyMap<string, FreezeAnswer>;
}

export interface FreezeAnswer {
  readonly incarnation: string;
  readonly place: FrozenPlace;
}

export interface Observations {
  /** Of every node of the topology, by its id. */
  readonly nodes: ReadonlyMap<string, NodeView>;
  /** By the shards' numbers. */
  readonly freezes: ReadonlyMap<number, Freeze>;
}

export interface Change {
  readonly shard: number;
  readonly next: TopologyShard;
  readonly why: string;
  readonly isFailover: boolean;
  /** Whoever leads may lack what was acknowledged. */
  readonly mayLack: boolean;
}

export interface Actions {
  /** Whom to ask to freeze: by the node's id, shards with their epochs. */
  readonly freeze: ReadonlyMap<string, ReadonlyMap<number, number>>;
  readonly changes: readonly Change[];
  /** The topology with all `changes`; `null` when there are none. */
  readonly next: Topology | null;
}

export function decide(topology: Topology, observations: Observations, nowMs: number): Actions {
  const decision = new Decision(topology, observations, nowMs);
  for (const shard of topology.shards.keys()) decision.of(shard);
  return decision.actions();
}

/** Why `shard`, which has several copies, has no primary that leads; empty while it has, or that is not known for sure. */
export function whyLost(
  topology: Topology,
  shard: number,
  { nodes }: Pick<Observations, "nodes">,
  nowMs: number,
): string {
  const { primary, epoch } = topology.shards[shard]!;
  const { away, told } = nodes.get(primary)!;
  if (away !== null) return isGone(away, nowMs) ? `its primary cannot be reached: ${away.cause}` : "";
  // What it told may be older than the topology.
  if (told === null || told.version !== topology.version) return "";
  const copy = told.copies.get(shard);
  const leads = copy?.role === "primary" && copy.epoch === epoch && copy.isLeading;
  return leads ? "" : "its primary does not lead this epoch";
}

/** Whether nobody should wait for it: it is not just being connected to again. */
function isGone({ sinceMs, wasReached }: NonNullable<NodeView["away"]>, nowMs: number): boolean {
  return nowMs - sinceMs >= (wasReached ? PRIMARY_AWAY_MS : FIRST_CONTACT_MS);
}

interface Candidate {
  readonly id: string;
  readonly place: FrozenPlace;
  readonly takesWrites: boolean;
}

class Decision {
  readonly #topology: Topology;
  readonly #observations: Observations;
  readonly #nowMs: number;
  readonly #freeze = new Map<string, Map<number, number>>();
  readonly #changes = new Map<number, Change>();
  /** Shards that each node leads, as far as it was decided. */
  readonly #leads = new Map<string, number>();

  constructor(topology: Topology, observations: Observations, nowMs: number) {
    this.#topology = topology;
    this.#observations = observations;
    this.#nowMs = nowMs;
    for (const { primary } of topology.shards) this.#count(primary, 1);
  }

  actions(): Actions {
    const changes = [...this.#changes.values()];
    const nexts = new Map(changes.map(({ shard, next }) => [shard, next]));
    const next = changes.length === 0 ? null : withShards(this.#topology, nexts);
    return { freeze: this.#freeze, changes, next };
  }

  of(number: number): void {
    const shard = this.#topology.shards[number]!;
    // Nobody else has it: whatever happened to its node, that goes on when it can.
    if (shard.replicas.length === 0) return;
    const why = whyLost(this.#topology, number, this.#observations, this.#nowMs);
    if (why !== "") return this.#failOver(number, shard, why);
    const { told } = this.#view(shard.primary);
    if (told === null || told.version !== this.#topology.version) return;
    const others = shard.inSync.filter((id) => id !== shard.primary && this.#takesWrites(id, number));
    if (told.writeRefusal !== "" && others.length > 0) {
      return this.#failOver(number, shard, `its primary takes no writes: ${told.writeRefusal}`);
    }
    this.#changeSet(number, shard, told.copies.get(number)!);
  }

  /** What the primary proposes. What is both to join and to leave stays out: so the primary learns the outcome. */
  #changeSet(number: number, shard: TopologyShard, { join, leave }: CopyStatus): void {
    const joining = join.filter((id) => shard.replicas.includes(id) && !shard.inSync.includes(id));
    const leaving = leave.filter((id) =>
      id !== shard.primary && (shard.inSync.includes(id) || joining.includes(id))
    );
    if (joining.length === 0 && leaving.length === 0) return;
    const inSync = [...shard.inSync, ...joining].filter((id) => !leaving.includes(id));
    const parts = [
      ...(joining.length === 0 ? [] : [`${joining.join(", ")} is in sync`]),
      ...(leaving.length === 0 ? [] : [`${leaving.join(", ")} does not keep up`]),
    ];
    this.#change(number, nextEpoch(shard, shard.primary, inSync), { why: parts.join("; ") });
  }

  #failOver(number: number, shard: TopologyShard, why: string): void {
    const freeze = this.#observations.freezes.get(number);
    const answered = (id: string) => {
      const answer = freeze?.epoch === shard.epoch ? freeze.answers.get(id) : undefined;
      return answer !== undefined && answer.incarnation === this.#view(id).told?.incarnation ? answer : null;
    };
    const reached = shard.inSync.filter((id) => this.#view(id).told !== null);
    const silent = reached.filter((id) => answered(id) === null);
    for (const id of silent) this.#askToFreeze(id, number, shard.epoch);
    const isPatient = freeze?.epoch !== shard.epoch || this.#nowMs - freeze.sinceMs < FREEZE_WAIT_MS;
    if (silent.length > 0 && isPatient) return;
    if (shard.inSync.some((id) => this.#isComing(id))) return;
    const candidates = reached.flatMap((id): Candidate[] => {
      const answer = answered(id);
      if (answer === null || answer.place.isFilling) return [];
      return [{ id, place: answer.place, takesWrites: this.#takesWrites(id, number) }];
    });
    this.#elect(number, shard, { candidates, why });
  }

  #elect(
    number: number,
    shard: TopologyShard,
    { candidates, why }: { readonly candidates: readonly Candidate[]; readonly why: string },
  ): void {
    const sure = candidates.filter(({ place }) => !place.mayLack);
    // Who may have lost something leads only when nobody is left who has not, and with all that all of them have.
    const areAllBack = candidates.length === shard.inSync.length;
    const eligible = sure.length > 0 ? sure : areAllBack ? candidates : [];
    const writing = eligible.filter(({ takesWrites }) => takesWrites);
    const from = writing.length > 0 ? writing : eligible;
    if (from.length === 0) return;
    const best = from.reduce((one, other) => this.#isBetter(other, one, shard.primary) ? other : one);
    const inSync = eligible.filter((each) => each === best || each.takesWrites).map(({ id }) => id);
    this.#count(shard.primary, -1);
    this.#count(best.id, 1);
    this.#change(number, nextEpoch(shard, best.id, inSync), {
      why,
      isFailover: true,
      mayLack: best.place.mayLack,
    });
  }

  #isBetter(one: Candidate, other: Candidate, primary: string): boolean {
    const [a, b] = [one.place, other.place];
    if (a.lastEpoch !== b.lastEpoch) return a.lastEpoch > b.lastEpoch;
    if (a.sequence !== b.sequence) return a.sequence > b.sequence;
    if (one.id === primary || other.id === primary) return one.id === primary;
    const [ofOne, ofOther] = [this.#leads.get(one.id) ?? 0, this.#leads.get(other.id) ?? 0];
    return ofOne === ofOther ? one.id < other.id : ofOne < ofOther;
  }

  #change(
    shard: number,
    next: TopologyShard,
    { why, isFailover = false, mayLack = false }: {
      readonly why: string;
      readonly isFailover?: boolean;
      readonly mayLack?: boolean;
    },
  ): void {
    this.#changes.set(shard, { shard, next, why, isFailover, mayLack });
  }

  #askToFreeze(id: string, shard: number, epoch: number): void {
    const shards = this.#freeze.get(id) ?? new Map<number, number>();
    this.#freeze.set(id, shards.set(shard, epoch));
  }

  /** It may take writes of `shard`, as far as is known. */
  #takesWrites(id: string, shard: number): boolean {
    const { told } = this.#view(id);
    return told !== null && told.writeRefusal === "" && told.copies.get(shard)?.isFilling !== true;
  }

  /** It is away, or has not told anything yet, and is likely to in a moment. */
  #isComing(id: string): boolean {
    const { away, told } = this.#view(id);
    return told === null && (away === null || !isGone(away, this.#nowMs));
  }

  #view(id: string): NodeView {
    return this.#observations.nodes.get(id)!;
  }

  #count(id: string, change: number): void {
    this.#leads.set(id, (this.#leads.get(id) ?? 0) + change);
  }
}
