/** Turns of reads, on connections that count how often they were served and a loop that the test turns by hand. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { READ_HOLD_MS, READS_LET_GO_PER_TURN, READS_PER_TURN_MAX } from "../../src/core/limits.ts";
import { ReadTurns } from "../../src/io/read_turns.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { advance, settle } from "../support/settle.ts";

const CONNECTIONS = 1_000;
const buffer = new Uint8Array(1);

/** A client that asks again as soon as it is answered, and a server that reads again as soon as it has answered. */
class FakeConnection {
  servedCount = 0;
  #complete: (() => void) | undefined;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  get isReading(): boolean {
    return this.#complete !== undefined;
  }

  read(): Promise<number | null> {
    this.#world.issued.push(this);
    return new Promise((resolve) => this.#complete = () => resolve(1));
  }

  /** A request is there. */
  complete(): void {
    const complete = this.#complete!;
    this.#complete = undefined;
    this.servedCount++;
    complete();
  }

  async serve(): Promise<void> {
    while (true) await this.#world.turns.read(this, buffer);
  }
}

class World {
  readonly clock = new FakeClock();
  /** Reads that the runtime has been given and has not completed, in its order. */
  issued: FakeConnection[] = [];
  #endOfTurn: (() => void) | undefined;
  readonly turns = new ReadTurns({ clock: this.clock, atEndOfTurn: (run) => this.#endOfTurn = run });
  readonly connections = Array.from({ length: CONNECTIONS }, () => new FakeConnection(this));

  /** Completes `some`, lets them be served and read again, and ends the turn. */
  async turn(some: readonly FakeConnection[]): Promise<void> {
    for (const connection of some) connection.complete();
    await settle();
    const endOfTurn = this.#endOfTurn;
    this.#endOfTurn = undefined;
    endOfTurn?.();
    await settle();
  }

  /** A turn as the runtime takes it when every client is quick: what was put off goes behind what came meanwhile. */
  async turnOfRuntime(): Promise<void> {
    const [served, putOff] = [this.issued.slice(0, 128), this.issued.slice(128)];
    this.issued = [];
    await this.turn(served);
    this.issued.push(...putOff.reverse());
  }
}

Deno.test("no connection gets more than two turns ahead of another that is ready", async () => {
  const world = new World();
  for (const connection of world.connections) void connection.serve();
  for (let turn = 0; turn < 200; turn++) {
    await world.turnOfRuntime();
    const counts = world.connections.map(({ servedCount }) => servedCount);
    assert(Math.max(...counts) - Math.min(...counts) <= 2, `after turn ${turn}`);
  }
});

Deno.test("reads after a full turn are held back until a turn that is not full, then let go in their order", async () => {
  const world = new World();
  for (const connection of world.connections) void connection.serve();
  const full = world.connections.slice(0, READS_PER_TURN_MAX);
  await world.turn(full);
  assert(
    full.slice(0, -1).every(({ isReading }) => !isReading),
    "all but the one that came before the turn was full",
  );
  await world.turn(world.connections.slice(500, 500 + READS_PER_TURN_MAX));
  assert(full.every(({ isReading }) => !isReading));
  await world.turn(world.connections.slice(900, 901));
  assertEquals(full.filter(({ isReading }) => isReading), full.slice(0, READS_LET_GO_PER_TURN));
});

Deno.test("a turn that is not full holds nothing back", async () => {
  const world = new World();
  for (const connection of world.connections) void connection.serve();
  const some = world.connections.slice(0, READS_PER_TURN_MAX - 1);
  await world.turn(some);
  assert(some.every(({ isReading }) => isReading));
  assertEquals(world.clock.timerCount, 0);
});

Deno.test("reads that are held back while no turn comes are let go after a while", async () => {
  const world = new World();
  for (const connection of world.connections) void connection.serve();
  await world.turn(world.connections.slice(0, READS_PER_TURN_MAX + 1));
  assert(!world.connections[READS_PER_TURN_MAX]!.isReading);
  await advance(world.clock, READ_HOLD_MS);
  await advance(world.clock, READ_HOLD_MS);
  assert(world.connections.every(({ isReading }) => isReading));
  assertEquals(world.clock.timerCount, 0);
});

Deno.test("a read that fails rejects, also one that was held back", async () => {
  const world = new World();
  for (const connection of world.connections) void connection.serve();
  await world.turn(world.connections.slice(0, READS_PER_TURN_MAX + 1));
  const broken = { read: () => Promise.reject(new Deno.errors.BadResource("gone")) };
  const reading = assertRejects(() => world.turns.read(broken, buffer), Deno.errors.BadResource);
  await advance(world.clock, READ_HOLD_MS);
  await advance(world.clock, READ_HOLD_MS);
  await reading;
});

Deno.test("connections take turns only while there are enough to fill one", () => {
  const { turns } = new World();
  for (let count = 0; count < READS_PER_TURN_MAX; count++) turns.join();
  assert(!turns.isCrowded);
  turns.join();
  assert(turns.isCrowded);
  turns.leave();
  assert(!turns.isCrowded);
});
