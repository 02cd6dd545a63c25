/** The balancer: wires its parts together, creates or resumes the cluster, and serves clients until it is stopped. */
import { assert } from "../core/assert.ts";
import { RefusalError } from "../core/errors.ts";
import {
  CLIENT_COUNT_MAX,
  CLIENT_WRITE_STALL_MS,
  LARGE_REQUEST_BYTES_MAX,
  READ_BUFFERS_KEPT_BYTES_MAX,
  REPLY_BUDGET_BYTES,
  REQUEST_BYTES_MAX,
  STOP_DEADLINE_MS,
} from "../core/limits.ts";
import { WriteWatch } from "../serving/client_writer.ts";
import { addressText, type Connection, type Listener } from "../io/network.ts";
import { acceptAll } from "../serving/accept.ts";
import { ReplyBudget } from "../serving/reply_budget.ts";
import { FaultLog } from "../serving/fault_log.ts";
import { ReadBudget } from "../serving/read_buffer.ts";
import { refuseConnection } from "../serving/refuse_connection.ts";
import { SessionRegistry } from "../serving/session.ts";
import { AllKeys } from "./all_keys.ts";
import { BalancerClient, type BalancerClientServices } from "./client.ts";
import { Counters } from "./counters.ts";
import { DialectWriter } from "./dialect.ts";
import { Dispatcher } from "./dispatcher.ts";
import { allNodes, FanOut } from "./fan_out.ts";
import { BalancerFacts } from "./info.ts";
import { LocalCommands } from "./local_commands.ts";
import { NodeFigures } from "./node_figures.ts";
import { Nodes } from "./nodes.ts";
import { LongReplies } from "./long_replies.ts";
import { GatheredFlush } from "./gathered_flush.ts";
import type { ServingOptions } from "./options.ts";
import { RoundRobin } from "./round_robin.ts";
import { SlotRouter } from "./slot_router.ts";
import { statusLines } from "./status_report.ts";
import type { TopologySource } from "../controller/topology_source.ts";
import type { LinkState } from "../link/link.ts";

/** What {@linkcode Balancer.health} says; a type, so that it passes as JSON. */
export type Health = {
  readonly isHealthy: boolean;
  readonly clients: number;
  /** `cause` says what is wrong with a node, also with one that is ready and takes no writes. */
  readonly nodes: readonly { address: string; state: LinkState; cause: string }[];
  /** Where shards have several copies: those that nobody serves, and those with fewer copies in sync than there should be. */
  readonly shardsWithoutPrimary: readonly number[];
  readonly shardsShortOfCopies: readonly number[];
};

export class Balancer {
  readonly #options: ServingOptions;
  readonly #topologySource: TopologySource;
  readonly #nodes: Nodes;
  readonly #writeWatch: WriteWatch;
  readonly #services: BalancerClientServices;
  readonly #faults: FaultLog;
  readonly #counters: Counters;
  readonly #clients = new Set<BalancerClient>();
  #resolveAllLeft: (() => void) | null = null;
  #listener: Listener | null = null;
  #isStopping = false;

  /** `source` is the controller, or, in a further worker of the process, its copy of the topology. */
  constructor(options: ServingOptions, source: TopologySource) {
    this.#options = options;
    this.#topologySource = source;
    this.#counters = options.counters ?? new Counters();
    this.#faults = new FaultLog(options.logger, options.clock);
    this.#nodes = new Nodes(options, source, this.#counters);
    source.onChange((topology) => this.#nodes.use(topology, source.addresses));
    this.#writeWatch = new WriteWatch(options.clock, options.clientStallMs ?? CLIENT_WRITE_STALL_MS);
    this.#services = this.#makeServices();
  }

  /** The port that clients connect to; known once {@linkcode Balancer.start} has resolved. */
  get port(): number {
    assert(this.#listener !== null, "the balancer listens");
    return this.#listener.port;
  }

  /**
   * Resolves when clients are served. A new cluster needs every node first; a known one is served at once, as far as
   * its nodes are there. Rejects with `RefusalError` when the nodes or the flags do not fit, or when stopped meanwhile.
   */
  async start(): Promise<void> {
    try {
      await this.#prepare();
      if (this.#isStopping) throw new RefusalError("Cannot serve: the balancer was stopped");
      this.#listener = this.#options.network.listen(this.#options.listen, this.#options.sharesPort);
      this.#services.sessions.localAddress = addressText({
        host: this.#options.listen.host,
        port: this.port,
      });
      const receiver = { receive: (connection: Connection) => this.#receive(connection) };
      acceptAll(this.#listener, receiver, { clock: this.#options.clock, faults: this.#faults });
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops to accept, lets clients have what they asked for, for `STOP_DEADLINE_MS` at most, and closes everything. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#listener?.close();
    for (const client of this.#clients) client.stop();
    const deadline = this.#options.clock.after(STOP_DEADLINE_MS, () => {
      for (const client of this.#clients) client.drop();
      this.#topologySource.abandon();
      this.#nodes.stop();
    });
    await this.#allLeft();
    deadline.cancel();
    this.#topologySource.abandon();
    await this.#nodes.stop();
    this.#writeWatch.stop();
    await this.#topologySource.settled();
  }

  /** Whether every key can be served, and if not, because of which nodes; as it was a second ago at most. */
  health(): Health {
    const nodes = this.#nodes.all.map(({ name, state, problem }) => ({
      address: name,
      state,
      cause: problem,
    }));
    const readyCount = nodes.filter(({ cause }) => cause === "").length;
    const needed = this.#options.routing === "slots" ? nodes.length : 1;
    const { withoutPrimary, shortOfCopies } = this.#nodes.shardProblems();
    const isServed = this.#nodes.isReplicated ? withoutPrimary.length === 0 : readyCount >= needed;
    return {
      isHealthy: this.#listener !== null && !this.#isStopping && isServed,
      clients: this.#counters.clients,
      nodes,
      shardsWithoutPrimary: withoutPrimary,
      shardsShortOfCopies: shortOfCopies,
    };
  }

  /** Knows the topology, and is on the way to its nodes; with a new one, all of them have it. */
  async #prepare(): Promise<void> {
    const source = this.#topologySource;
    const isKnown = await source.load();
    if (!isKnown) {
      this.#nodes.meet(this.#options.nodes);
      await source.whenCreated();
    }
    this.#nodes.use(source.topology, source.addresses);
    source.observe(() => this.#nodes.all, this.#counters);
    if (isKnown) return;
    await Promise.all(this.#nodes.all.map((node) => node.whenReady()));
  }

  #receive(connection: Connection): void {
    if (this.#counters.clients >= (this.#options.clientCountMax ?? CLIENT_COUNT_MAX)) {
      this.#counters.rejected();
      refuseConnection(connection);
      return;
    }
    this.#counters.opened();
    const client = new BalancerClient(connection, this.#services);
    this.#clients.add(client);
    client.serve().then(() => this.#left(client));
    if (this.#isStopping) client.stop();
  }

  #left(client: BalancerClient): void {
    this.#clients.delete(client);
    this.#counters.closed();
    if (this.#clients.size === 0) this.#resolveAllLeft?.();
  }

  #allLeft(): Promise<void> {
    if (this.#clients.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#resolveAllLeft = resolve);
  }

  #makeServices(): BalancerClientServices {
    const { clock, random, routing } = this.#options;
    const source = this.#topologySource;
    const nodes = this.#nodes;
    const sessions = new SessionRegistry();
    const { workerCount } = this.#counters;
    const dialects = new DialectWriter();
    const portions = { clock, dialects, faults: this.#faults };
    const longReplies = new LongReplies({ ...portions, nodes });
    const roundRobin = routing === "round-robin"
      ? new RoundRobin(nodes, source, { random, longReplies })
      : null;
    const facts = new BalancerFacts({
      clock,
      startedMs: clock.monotonicMs(),
      port: () => this.port,
      clientCountMax: this.#options.clientCountMax ?? CLIENT_COUNT_MAX,
      counters: this.#counters,
      writeWatch: this.#writeWatch,
      source,
      nodes,
      figures: new NodeFigures(nodes, clock),
    });
    const dispatcher = new Dispatcher(
      roundRobin ?? new SlotRouter(nodes, longReplies),
      new FanOut({
        nodes,
        clock,
        random,
        askedNodes: roundRobin ?? allNodes(nodes),
        allKeys: new AllKeys(portions),
      }),
      new LocalCommands({
        clock,
        sessions,
        source,
        server: facts,
        statusLines: () => statusLines(source.topology, nodes.all, nodes.shardProblems()),
      }, dialects),
    );
    return {
      clock,
      sessions,
      dispatcher,
      dialects,
      readBudget: new ReadBudget(
        Math.max(REQUEST_BYTES_MAX, LARGE_REQUEST_BYTES_MAX / workerCount),
        READ_BUFFERS_KEPT_BYTES_MAX / workerCount,
        clock,
      ),
      writeWatch: this.#writeWatch,
      counters: this.#counters,
      gatheredFlush: new GatheredFlush(clock),
      faults: this.#faults,
      longReplies,
      replyBudget: new ReplyBudget(REPLY_BUDGET_BYTES / workerCount),
    };
  }
}
