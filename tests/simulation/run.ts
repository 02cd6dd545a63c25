/**
 * One run: a cluster is founded, clients ask, faults befall it, all faults end, and every key must be served again. Then
 * the histories are judged. The same options give the same run, event by event.
 */
import { BALANCER_PORT, SimulatedCluster } from "./cluster.ts";
import { SimulatedClient } from "./client.ts";
import { beginFault, type Fault } from "./faults.ts";
import { History } from "./history.ts";
import type { RunOptions } from "./options.ts";
import { Prober } from "./prober.ts";
import { Scheduler } from "./scheduler.ts";
import { Workload } from "./workload.ts";

/** Every key is served again this long after the last fault. */
const HEALED_MS_MAX = 12_000;
/** What must always be true is looked at with the first event after so long. */
const CHECK_MS = 0.5;
/** And clients go on for this long after that. */
const CALM_MS = 300;

export interface RunResult {
  readonly violations: readonly string[];
  readonly sightings: ReadonlyMap<string, number>;
  readonly replies: ReadonlyMap<string, number>;
  readonly operationCount: number;
  readonly undecidedCount: number;
  readonly eventCount: number;
  /** How long it was in the simulation's time. */
  readonly tookMs: number;
  /** How long after the last fault every key was served. */
  readonly healedMs: number;
  readonly trace: readonly string[];
  readonly traceHash: string;
}

/** Makes the run in a turn of the event loop that it has for itself. What nobody has caught counts as a violation. */
export async function run(options: RunOptions): Promise<RunResult> {
  const uncaught: string[] = [];
  const note = (event: PromiseRejectionEvent | ErrorEvent) => {
    event.preventDefault();
    const error = event instanceof ErrorEvent ? event.error : event.reason;
    uncaught.push(`nobody has caught: ${error instanceof Error ? error.stack : error}`);
  };
  addEventListener("unhandledrejection", note);
  addEventListener("error", note);
  try {
    const result = await inTurn(() => runNow(options));
    await inTurn(() => {}); // in which the runtime tells what nobody has caught
    return { ...result, violations: [...result.violations, ...uncaught] };
  } finally {
    removeEventListener("unhandledrejection", note);
    removeEventListener("error", note);
  }
}

function inTurn<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) =>
    setTimeout(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error);
      }
    }, 0)
  );
}

function runNow(options: RunOptions): RunResult {
  const scheduler = new Scheduler();
  const cluster = new SimulatedCluster(options, scheduler);
  const history = new History();
  const clients = makeClients(cluster, history);
  const faults = new Faults(cluster);
  let healedMs = Infinity;
  let checkedMs = 0;
  scheduler.onQuiet = () => {
    if (scheduler.nowMs - checkedMs < CHECK_MS) return;
    checkedMs = scheduler.nowMs;
    cluster.invariants.check();
  };
  try {
    cluster.startAll();
    for (const client of clients) void client.run();
    for (const fault of options.faults) faults.plan(fault);
    scheduler.run(options.safetyMs);
    scheduler.note("all faults end");
    faults.endAll();
    cluster.heal();
    const prober = makeProber(cluster, history);
    void prober.run();
    scheduler.run(options.safetyMs + HEALED_MS_MAX, () => prober.isDone);
    healedMs = scheduler.nowMs - options.safetyMs;
    if (!prober.isDone) history.violations.push(unhealed(cluster, prober));
    for (const client of clients) client.stop();
    scheduler.run(scheduler.nowMs + CALM_MS);
    history.judge();
  } catch (error) {
    history.violations.push(`a process has failed: ${error instanceof Error ? error.stack : error}`);
  } finally {
    cluster.invariants.end();
  }
  if (history.counts.has("UNCERTAIN")) cluster.saw("an UNCERTAIN");
  return {
    violations: [...cluster.bugs, ...history.violations],
    sightings: cluster.sightings,
    replies: history.counts,
    operationCount: history.operationCount,
    undecidedCount: history.undecidedCount,
    eventCount: scheduler.eventCount,
    tookMs: scheduler.nowMs,
    healedMs,
    trace: scheduler.trace,
    traceHash: scheduler.traceHash,
  };
}

function makeClients(cluster: SimulatedCluster, history: History): SimulatedClient[] {
  const { clientCount, directCount, keyCount, thinkMs, pipelineMax } = cluster.options;
  return Array.from({ length: clientCount + directCount }, (_, i) => {
    const isDirect = i >= clientCount;
    const process = cluster.machine(`client${i + 1}`).begin();
    return new SimulatedClient({
      process,
      network: cluster.wire.of(process),
      isDirect,
      ports: isDirect ? cluster.nodePorts : [BALANCER_PORT],
      workload: new Workload(cluster.random(), { keyCount, number: i + 1, canMget: !isDirect }),
      history,
      random: cluster.random(),
      thinkMs,
      pipelineMax: isDirect ? 1 : pipelineMax,
    });
  });
}

function makeProber(cluster: SimulatedCluster, history: History): Prober {
  const { clientCount, directCount, keyCount } = cluster.options;
  const number = clientCount + directCount + 1;
  const process = cluster.machine(`client${number}`).begin();
  const workload = new Workload(cluster.random(), { keyCount, number, canMget: false });
  return new Prober({ process, network: cluster.wire.of(process), workload, history });
}

function unhealed(cluster: SimulatedCluster, prober: Prober): string {
  const starts = [...cluster.startFailures].map(([{ name }, cause]) => `${name} cannot start: ${cause}`);
  return [
    `${HEALED_MS_MAX} ms after the last fault ${prober.missing} is not served: ${prober.lastReply}`,
    ...starts,
  ].join("\n    ");
}

/** The faults of a run, each with what ends it. */
class Faults {
  readonly #cluster: SimulatedCluster;
  readonly #ends = new Set<() => void>();

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  plan(fault: Fault): void {
    const { scheduler } = this.#cluster;
    scheduler.after(fault.atMs - scheduler.nowMs, `fault: ${JSON.stringify(fault)}`, () => {
      this.#cluster.saw(fault.kind);
      const end = beginFault(this.#cluster, fault);
      if (end === null || !("forMs" in fault)) return;
      this.#ends.add(end);
      scheduler.after(fault.forMs, "", () => {
        if (!this.#ends.delete(end)) return;
        scheduler.note(`over: ${fault.kind}`);
        end();
      });
    });
  }

  endAll(): void {
    for (const end of this.#ends) end();
    this.#ends.clear();
  }
}
