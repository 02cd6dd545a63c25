/** The supervisor of a cluster's processes, with processes that exist only on paper. */
import { assertEquals } from "@std/assert";
import { Supervisor } from "../../src/cluster/supervisor.ts";
import type { Child, ChildEnd, ChildSpec, LineListener, Spawner } from "../../src/io/child.ts";
import { CollectingLogger } from "../support/collecting_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { advance, settle } from "../support/settle.ts";

class PaperChild implements Child {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
  readonly signals: string[] = [];
  readonly say: LineListener;
  readonly #end: (end: ChildEnd) => void;

  constructor(pid: number, say: LineListener) {
    this.pid = pid;
    this.say = say;
    const { promise, resolve } = Promise.withResolvers<ChildEnd>();
    this.ended = promise;
    this.#end = resolve;
  }

  kill(signal: "SIGTERM" | "SIGKILL"): void {
    this.signals.push(signal);
  }

  async end(code: number, signal: string | null = null): Promise<void> {
    this.#end({ code, signal });
    await settle();
  }
}

class PaperSpawner implements Spawner {
  /** Every life of each child, by name. */
  readonly lives = new Map<string, PaperChild[]>();
  isBroken = false;
  #count = 0;

  spawn(spec: ChildSpec, onLine: LineListener): Child {
    if (this.isBroken) throw new Error("too many processes");
    const child = new PaperChild(++this.#count, onLine);
    this.lives.set(spec.name, [...this.lives.get(spec.name) ?? [], child]);
    return child;
  }

  latest(name: string): PaperChild {
    return this.lives.get(name)!.at(-1)!;
  }

  count(name: string): number {
    return this.lives.get(name)?.length ?? 0;
  }
}

function setUp() {
  const clock = new FakeClock();
  const logger = new CollectingLogger();
  const spawner = new PaperSpawner();
  const lines: string[] = [];
  const ready: string[] = [];
  const givenUp: string[] = [];
  const spec = (name: string): ChildSpec => ({ name, args: [] });
  const supervisor = new Supervisor({
    groups: [[spec("balancer")], [spec("a"), spec("b")]],
    spawner,
    clock,
    logger,
    onLine: (name, line, stream) => lines.push(`${name}/${stream}: ${line}`),
    onReady: (addressOf) => ready.push(addressOf("balancer")),
    onGivenUp: (name, exitCode) => givenUp.push(`${name} ${exitCode}`),
  });
  return { clock, logger, spawner, lines, ready, givenUp, supervisor };
}

Deno.test("A cluster starts all its processes and hears their lines", () => {
  const { spawner, supervisor, lines } = setUp();
  supervisor.start();
  assertEquals([...spawner.lives.keys()], ["balancer", "a", "b"]);
  spawner.latest("a").say("opened log", "stderr");
  assertEquals(lines, ["a/stderr: opened log"]);
});

Deno.test("A cluster is ready once, when every process has said so", async () => {
  const { clock, spawner, supervisor, ready } = setUp();
  supervisor.start();
  spawner.latest("balancer").say("roundel balancer ready on 127.0.0.1:8080", "stdout");
  spawner.latest("a").say("roundel node ready on 127.0.0.1:8081", "stdout");
  spawner.latest("b").say("roundel node ready on 127.0.0.1:8082", "stderr");
  spawner.latest("b").say("about: roundel node ready on 127.0.0.1:8082", "stdout");
  assertEquals(ready, []);
  spawner.latest("b").say("roundel node ready on 127.0.0.1:8082", "stdout");
  assertEquals(ready, ["127.0.0.1:8080"]);
  await spawner.latest("b").end(1);
  await advance(clock, 1_000);
  spawner.latest("b").say("roundel node ready on 127.0.0.1:8082", "stdout");
  assertEquals(ready.length, 1);
});

function becomeReady(spawner: PaperSpawner, ...names: string[]): void {
  for (const name of names) spawner.latest(name).say("roundel node ready on 127.0.0.1:1", "stdout");
}

Deno.test("A process that was ready and dies is started again at once, and after pauses if it never serves for a second", async () => {
  const { clock, spawner, supervisor, logger } = setUp();
  supervisor.start();
  const pauses: unknown[] = [];
  for (let life = 0; life < 6; life++) {
    becomeReady(spawner, "a");
    await spawner.latest("a").end(137, "SIGKILL");
    pauses.push(logger.of("process ended unexpectedly").at(-1)!.fields["restartMs"]);
    await advance(clock, Number(pauses.at(-1)));
  }
  assertEquals(pauses, [0, 0, 0, 1_000, 2_000, 4_000]);
  assertEquals([spawner.count("a"), spawner.count("b")], [7, 1]);
  becomeReady(spawner, "a");
  for (let life = 0; life < 10; life++) {
    await advance(clock, 1_000);
    await spawner.latest("a").end(137, "SIGKILL");
    assertEquals(logger.of("process ended unexpectedly").at(-1)!.fields["restartMs"], 0);
    await advance(clock, 0);
    becomeReady(spawner, "a");
  }
});

Deno.test("A process that does not become ready is started after pauses that double up to half a minute", async () => {
  const { clock, spawner, supervisor, logger } = setUp();
  supervisor.start();
  const pauses: number[] = [];
  for (let life = 0; life < 8; life++) {
    await spawner.latest("b").end(1);
    pauses.push(Number(logger.of("process ended unexpectedly").at(-1)!.fields["restartMs"]));
    await advance(clock, pauses.at(-1)!);
  }
  assertEquals(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

Deno.test("A process that must not start ends a cluster that was never ready, at once", async () => {
  const { clock, spawner, supervisor, givenUp } = setUp();
  supervisor.start();
  becomeReady(spawner, "balancer", "a");
  await spawner.latest("b").end(3);
  assertEquals(givenUp, ["b 3"]);
  await advance(clock, 60_000);
  assertEquals(spawner.count("b"), 1);
});

Deno.test("A process that cannot start again leaves a cluster that was ready running without it", async () => {
  const { clock, spawner, supervisor, logger, givenUp } = setUp();
  supervisor.start();
  becomeReady(spawner, "balancer", "a", "b");
  await spawner.latest("b").end(137, "SIGKILL");
  await advance(clock, 0);
  await spawner.latest("b").end(3);
  await advance(clock, 60_000);
  assertEquals([spawner.count("b"), givenUp], [2, []]);
  assertEquals(logger.of("process cannot run as things are and is not started again").length, 1);
});

Deno.test("A process whose port or folder an earlier run still holds is tried for half a minute", async () => {
  const { clock, spawner, supervisor, givenUp } = setUp();
  supervisor.start();
  for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000]) {
    await spawner.latest("a").end(4);
    assertEquals(givenUp, []);
    await advance(clock, pauseMs);
  }
  await spawner.latest("a").end(4);
  assertEquals([givenUp, spawner.count("a")], [["a 4"], 6]);
});

Deno.test("A signal that ended a process is logged by its name", async () => {
  const { spawner, supervisor, logger } = setUp();
  supervisor.start();
  await spawner.latest("a").end(137, "SIGKILL");
  const { fields } = logger.of("process ended unexpectedly")[0]!;
  assertEquals([fields["signal"], "exitCode" in fields], ["SIGKILL", false]);
});

Deno.test("A process that cannot be started is tried again", async () => {
  const { clock, spawner, supervisor, logger } = setUp();
  spawner.isBroken = true;
  supervisor.start();
  assertEquals(logger.of("cannot start process").length, 3);
  await advance(clock, 1_000);
  assertEquals(logger.of("cannot start process").length, 6);
  spawner.isBroken = false;
  await advance(clock, 2_000);
  assertEquals(["balancer", "a", "b"].map((name) => spawner.count(name)), [1, 1, 1]);
});

Deno.test("A stop ends the balancer first, then the nodes, and starts nothing again", async () => {
  const { clock, spawner, supervisor } = setUp();
  supervisor.start();
  let isStopped = false;
  supervisor.stop().then(() => isStopped = true);
  await settle();
  assertEquals(spawner.latest("balancer").signals, ["SIGTERM"]);
  assertEquals(spawner.latest("a").signals, []);
  await spawner.latest("balancer").end(0);
  assertEquals([spawner.latest("a").signals, spawner.latest("b").signals], [["SIGTERM"], ["SIGTERM"]]);
  await spawner.latest("a").end(0);
  assertEquals(isStopped, false);
  await spawner.latest("b").end(0);
  assertEquals(isStopped, true);
  await advance(clock, 60_000);
  assertEquals(spawner.latest("a").signals, ["SIGTERM"]);
  assertEquals(spawner.count("a"), 1);
});

Deno.test("A process that does not stop in time is killed", async () => {
  const { clock, spawner, supervisor } = setUp();
  supervisor.start();
  const stopped = supervisor.stop();
  await advance(clock, 14_999);
  assertEquals(spawner.latest("balancer").signals, ["SIGTERM"]);
  await advance(clock, 1);
  assertEquals(spawner.latest("balancer").signals, ["SIGTERM", "SIGKILL"]);
  await spawner.latest("balancer").end(137, "SIGKILL");
  await spawner.latest("a").end(0);
  await spawner.latest("b").end(0);
  await stopped;
});

Deno.test("A process that waits to be started again is not started during a stop", async () => {
  const { clock, spawner, supervisor } = setUp();
  supervisor.start();
  await spawner.latest("balancer").end(1);
  const stopped = supervisor.stop();
  await settle();
  await spawner.latest("a").end(0);
  await spawner.latest("b").end(0);
  await stopped;
  await advance(clock, 60_000);
  assertEquals(spawner.count("balancer"), 1);
});
