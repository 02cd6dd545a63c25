/** The parts of a balancer with several workers: the pool of threads, the copy of the topology, the shared counters. */
import { assertEquals, assertRejects } from "@std/assert";
import { Counters } from "../../src/balancer/counters.ts";
import type { FromWorker, ToWorker, WorkerStart } from "../../src/balancer/worker_messages.ts";
import { WorkerPool } from "../../src/balancer/worker_pool.ts";
import { WorkerTopology } from "../../src/balancer/worker_topology.ts";
import { bytesOf } from "../../src/core/bytes.ts";
import { RefusalError } from "../../src/core/errors.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import type { ReplyValue } from "../../src/protocol/reply_scanner.ts";
import { createTopology, type Topology, withMemory } from "../../src/topology/topology.ts";
import { serializeTopology } from "../../src/topology/topology_document.ts";
import { settle } from "../support/settle.ts";

const MEMORY = 1 << 28;

function topologyOfOne(): Topology {
  const node = { id: "n1", host: "127.0.0.1", port: 8081, maxMemoryBytes: MEMORY };
  return createTopology({ routing: "slots", shardCount: 16, nodes: [node] }, new SeededRandom(1));
}

/** A thread that says what the test lets it say. */
class FakeThread {
  readonly heard: ToWorker[] = [];
  isOver = false;
  readonly say: (message: FromWorker) => void;
  readonly fail: (cause: string) => void;

  constructor(say: (message: FromWorker) => void, fail: (cause: string) => void) {
    this.say = say;
    this.fail = fail;
  }

  post(message: ToWorker): void {
    this.heard.push(message);
  }

  terminate(): void {
    this.isOver = true;
  }
}

function poolOf(starts: readonly number[]) {
  const threads: FakeThread[] = [];
  const failures: string[] = [];
  const pool = new WorkerPool(
    (onMessage, onFailure) => {
      const thread = new FakeThread(onMessage, onFailure);
      threads.push(thread);
      return thread;
    },
    (worker, cause) => failures.push(`${worker}: ${cause}`),
  );
  const started = pool.start(starts.map((worker): WorkerStart => ({
    kind: "start",
    worker,
    run: "run",
    listen: { host: "127.0.0.1", port: 8080 },
    nodes: [],
    clientStallMs: 1,
    clientCountMax: 1,
    logLevel: "info",
    logFormat: "text",
    counterMemory: Counters.memoryFor(3),
    topologyText: "{}",
  })));
  return { pool, threads, failures, started };
}

/** Whether `promise` is over by now. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  promise.then(() => over = true);
  await settle();
  return over;
}

Deno.test("A pool has started when every worker listens, and stops when every worker has stopped", async () => {
  const { pool, threads, started } = poolOf([1, 2]);
  threads[0]!.say("listening");
  assertEquals(await isOver(started), false);
  threads[1]!.say("listening");
  await started;
  pool.send("the next");
  const stopped = pool.stop();
  threads[0]!.say("stopped");
  assertEquals([await isOver(stopped), threads.map((thread) => thread.isOver)], [false, [false, false]]);
  threads[1]!.say("stopped");
  await stopped;
  assertEquals(threads.map((thread) => thread.isOver), [true, true]);
  for (const { heard } of threads) {
    assertEquals(heard.map(({ kind }) => kind), ["start", "topology", "stop"]);
    assertEquals(heard[1], { kind: "topology", text: "the next" });
  }
});

Deno.test("A worker that fails is told of, by number and cause", () => {
  const { threads, failures } = poolOf([1, 2]);
  threads[1]!.fail("Uncaught Error: out of luck");
  assertEquals(failures, ["2: Uncaught Error: out of luck"]);
});

Deno.test("A pool without workers starts and stops at once", async () => {
  const { pool, started } = poolOf([]);
  await started;
  pool.send("the next");
  await pool.stop();
});

/** A node that says it is `identity`, and takes every topology. */
function nodeWith(identity: Record<string, unknown>) {
  const documents: string[] = [];
  const ask = (args: readonly (string | Uint8Array)[]): Promise<ReplyValue> => {
    if (args[1] === "IDENTITY") {
      return Promise.resolve({ kind: "bulk", bytes: bytesOf(JSON.stringify(identity)) });
    }
    documents.push(String(args[2]));
    return Promise.resolve({ kind: "simple", text: "OK" });
  };
  return { documents, ask };
}

const FITTING = {
  id: "n1",
  cluster: null,
  version: 0,
  maxMemoryBytes: MEMORY,
  entries: 0,
  standalone: false,
};

const MEETING = { index: 0, address: { host: "127.0.0.1", port: 8081 }, isReached: () => false };

Deno.test("A worker admits the node that the topology names, and gives it the newest version", async () => {
  const topology = topologyOfOne();
  const copy = new WorkerTopology(serializeTopology(topology));
  const heard: number[] = [];
  copy.onChange(({ version }) => heard.push(version));
  const next = serializeTopology(withMemory(topology, 0, MEMORY * 2));
  const node = nodeWith({ ...FITTING, cluster: topology.cluster, version: 1 });
  const admitted = copy.admit(MEETING, node.ask);
  copy.adopt(next);
  await admitted;
  assertEquals([node.documents.at(-1), copy.topologyText(), heard], [next, next, [2]]);
});

Deno.test("A worker refuses any other node, and leaves it to the controller to admit it", async () => {
  const copy = new WorkerTopology(serializeTopology(topologyOfOne()));
  for (const other of [{ id: "n2" }, { cluster: "another" }, { standalone: true }]) {
    const node = nodeWith({ ...FITTING, ...other });
    await assertRejects(() => copy.admit(MEETING, node.ask), RefusalError, "127.0.0.1:8081");
    assertEquals(node.documents, []);
  }
});

Deno.test("A worker that is behind a node tries again, since its next version is on the way", async () => {
  const topology = topologyOfOne();
  const copy = new WorkerTopology(serializeTopology(topology));
  const node = nodeWith({ ...FITTING, cluster: topology.cluster, version: 2 });
  const error = await assertRejects(() => copy.admit(MEETING, node.ask), Error, "newer topology");
  assertEquals(error instanceof RefusalError, false);
  copy.adopt(serializeTopology(withMemory(topology, 0, MEMORY * 2)));
  await copy.admit(MEETING, node.ask);
  assertEquals(node.documents.length, 1);
});

Deno.test("Workers count in rows of their own, and each sees the sums", () => {
  const memory = Counters.memoryFor(2);
  const [first, second] = [new Counters(memory, 0), new Counters(memory, 1)];
  first.opened();
  second.opened();
  second.opened();
  second.closed();
  second.opened();
  first.rejected();
  first.addCommands(5);
  second.addCommands(7);
  for (const counters of [first, second]) {
    assertEquals([counters.clients, counters.connections, counters.rejectedConnections], [3, 4, 1]);
    assertEquals([counters.commands, counters.clientsOfWorkers], [12, [1, 2]]);
  }
});
