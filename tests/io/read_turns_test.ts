/** Turns of reads, in a model of the runtime as `read_turns.ts` describes it, which the test turns by hand. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { READS_PER_TURN_MAX } from "../../src/core/limits.ts";
import { type Readable, ReadTurns } from "../../src/io/read_turns.ts";
import { settle } from "../support/settle.ts";

/** What the runtime completes in one turn, of what it must wait for, and of what is done when it is asked for. */
const OPERATIONS_PER_TURN = 128;
const CONNECTIONS = 1_000;
const buffer = new Uint8Array(1);

type Read = (connection: FakeConnection) => Promise<number | null>;

/** A client that asks again as soon as it is answered, and a server that reads again as soon as it has answered. */
class FakeConnection implements Readable {
  servedCount = 0;
  /** A request is there, and the runtime has been told so. */
  isReady = false;
  complete: (() => void) | undefined;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get isReading(): boolean {
    return this.complete !== undefined;
  }

  read(): Promise<number | null> {
    return this.#runtime.read(this);
  }

  async serve(read: Read): Promise<void> {
    while (await read(this) !== null) {
      this.servedCount++;
      await this.#runtime.write(this);
    }
  }
}

class Runtime {
  readonly turns = new ReadTurns({ atNextTurn: (run) => this.#atNextTurn = run });
  readonly connections = Array.from({ length: CONNECTIONS }, () => new FakeConnection(this));
  /** Whose clients have sent something since the system was asked. */
  arrived: FakeConnection[] = [];
  turnsAskedFor = 0;
  #atNextTurnRun: (() => void) | undefined;
  /** What its task has to try, writes before reads, and what it put off. */
  #queue: (() => boolean)[] = [];
  #putOff: (() => boolean)[] = [];
  /** Of the operations that are done when they are asked for. */
  #budget = OPERATIONS_PER_TURN;

  set #atNextTurn(run: () => void) {
    this.turnsAskedFor++;
    this.#atNextTurnRun = run;
  }

  get isTurning(): boolean {
    return this.#atNextTurnRun !== undefined;
  }

  read(connection: FakeConnection): Promise<number | null> {
    if (connection.isReady && this.#budget-- > 0) {
      connection.isReady = false;
      return Promise.resolve(1);
    }
    const { promise, resolve } = Promise.withResolvers<number>();
    connection.complete = () => {
      connection.isReady = false;
      connection.complete = undefined;
      resolve(1);
    };
    if (connection.isReady) this.#queue.push(() => this.#tryRead(connection));
    return promise;
  }

  /** The client has its answer at once, and sends its next request. */
  write(connection: FakeConnection): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => {
      this.arrived.push(connection);
      resolve();
      return true;
    };
    if (this.#budget-- > 0) done();
    else this.#queue.push(done);
    return promise;
  }

  /** One turn of its event loop. */
  async turn(): Promise<void> {
    for (const connection of this.arrived.splice(0)) {
      connection.isReady = true;
      if (connection.isReading) this.#queue.push(() => this.#tryRead(connection));
    }
    while (this.#putOff.length > 0) this.#queue.push(this.#putOff.pop()!);
    let completed = 0;
    for (const operation of this.#queue.splice(0)) {
      if (completed === OPERATIONS_PER_TURN) this.#putOff.push(operation);
      else if (operation()) completed++;
    }
    this.#budget = OPERATIONS_PER_TURN;
    const run = this.#atNextTurnRun;
    this.#atNextTurnRun = undefined;
    run?.();
    await settle();
  }

  #tryRead(connection: FakeConnection): boolean {
    const { complete } = connection;
    if (complete === undefined || !connection.isReady) return false;
    complete();
    return true;
  }
}

/** How far the most served is ahead of the least served, after `turnCount` turns in which everybody is busy. */
async function leadAfter(turnCount: number, runtime: Runtime, read: Read): Promise<number> {
  for (const connection of runtime.connections) void connection.serve(read);
  runtime.arrived.push(...runtime.connections);
  for (let turn = 0; turn < turnCount; turn++) await runtime.turn();
  const counts = runtime.connections.map(({ servedCount }) => servedCount);
  return Math.max(...counts) - Math.min(...counts);
}

Deno.test("in the model of the runtime, reads that are issued at once starve most connections", async () => {
  const runtime = new Runtime();
  assert(await leadAfter(200, runtime, (connection) => connection.read()) > 20);
});

Deno.test("with turns no busy connection gets more than two requests ahead of another", async () => {
  for (const turnCount of [1, 10, 50, 200]) {
    const runtime = new Runtime();
    const lead = await leadAfter(turnCount, runtime, (connection) => runtime.turns.read(connection, buffer));
    assert(lead <= 2, `${lead} after ${turnCount} turns`);
  }
});

Deno.test("reads beyond the bound of a turn wait, and are issued in their order by the turns that follow", async () => {
  const runtime = new Runtime();
  const { connections, turns } = runtime;
  for (const connection of connections) void turns.read(connection, buffer);
  const reading = () => connections.filter(({ isReading }) => isReading);
  assertEquals(reading(), connections.slice(0, READS_PER_TURN_MAX));
  await runtime.turn();
  assertEquals(reading(), connections.slice(0, 2 * READS_PER_TURN_MAX));
  while (runtime.isTurning) await runtime.turn();
  assertEquals(reading(), connections);
});

Deno.test("a read that comes while others wait queues behind them, though its turn has room", async () => {
  const runtime = new Runtime();
  const [late, ...others] = runtime.connections.slice(0, 2 * READS_PER_TURN_MAX + 1);
  for (const connection of others) void runtime.turns.read(connection, buffer);
  assert(runtime.isTurning);
  void runtime.turns.read(late!, buffer);
  await runtime.turn();
  assert(!late!.isReading);
  await runtime.turn();
  assert(late!.isReading);
});

Deno.test("turns are asked for only while reads wait: none for few reads, one for many that were few at a time", async () => {
  const runtime = new Runtime();
  const some = runtime.connections.slice(0, READS_PER_TURN_MAX);
  for (const connection of some) void runtime.turns.read(connection, buffer);
  assertEquals(runtime.turnsAskedFor, 0);
  void runtime.turns.read(runtime.connections[500]!, buffer);
  assertEquals(runtime.turnsAskedFor, 1);
  await runtime.turn();
  assert(!runtime.isTurning);
});

Deno.test("a read that fails rejects, also one that waited", async () => {
  const runtime = new Runtime();
  const { turns, connections } = runtime;
  const broken = { read: () => Promise.reject(new Deno.errors.BadResource("gone")) };
  await assertRejects(() => turns.read(broken, buffer), Deno.errors.BadResource);
  for (const connection of connections.slice(0, READS_PER_TURN_MAX)) void turns.read(connection, buffer);
  const reading = assertRejects(() => turns.read(broken, buffer), Deno.errors.BadResource);
  await runtime.turn();
  await reading;
});

Deno.test("connections take turns only while there are enough to fill one", () => {
  const { turns } = new Runtime();
  for (let count = 0; count < READS_PER_TURN_MAX; count++) turns.join();
  assert(!turns.isCrowded);
  turns.join();
  assert(turns.isCrowded);
  turns.leave();
  assert(!turns.isCrowded);
});
