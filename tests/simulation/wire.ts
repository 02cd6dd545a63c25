/**
 * The network of the simulation: bytes take a while that is drawn for each, in order on one connection, in any order
 * between two. Machines can be cut off from each other, both ways or one; what is sent meanwhile arrives when that is
 * over, as TCP would have it, unless the connection was given up. What a process that closed a connection, or died, had
 * written before may still arrive after that, however late.
 */
import { crc32 } from "node:zlib";
import { type Random, randomBelow } from "../../src/core/random.ts";
import type { Address, Connection, Listener, Network } from "../../src/io/network.ts";
import type { Machine, SimulatedProcess } from "./machine.ts";
import type { Scheduler } from "./scheduler.ts";

/** Bytes that a direction takes before writes have to wait for the reader. */
const WINDOW_BYTES = 256 * 1024;
const FIRST_CLIENT_PORT = 40_000;
/** One write in so many arrives in two pieces. */
const SPLIT_ONE_IN = 10;

type Parcel = Uint8Array<ArrayBuffer> | "end" | "reset";

/** One direction of a connection. */
class Lane {
  readonly #wire: Wire;
  readonly from: Side;
  readonly to: Side;
  /** On the way, in order, each with the time at which it arrives. */
  #parcels: { readonly parcel: Parcel; readonly atMs: number }[] = [];
  #isPumping = false;
  /** Since when nothing gets through. */
  #stuckSinceMs: number | null = null;
  byteCount = 0;

  constructor(wire: Wire, from: Side, to: Side) {
    this.#wire = wire;
    this.from = from;
    this.to = to;
  }

  send(parcel: Parcel): void {
    const last = this.#parcels.at(-1)?.atMs ?? 0;
    const atMs = Math.max(last, this.#wire.scheduler.nowMs + this.#wire.delayMs(this.from, this.to));
    this.#parcels.push({ parcel, atMs });
    if (typeof parcel !== "string") this.byteCount += parcel.length;
    this.pump();
  }

  /** Nothing that is on the way arrives any more. */
  lose(): void {
    this.#parcels = [];
    this.byteCount = 0;
  }

  /** Loses what the machine that sent it had yet to bring onto the wire. */
  loseSome(random: Random): void {
    const isCut = this.#wire.isCut(this.from.process.machine, this.to.process.machine);
    const kept = isCut ? 0 : randomBelow(random, this.#parcels.length + 1);
    for (const { parcel } of this.#parcels.splice(kept)) {
      if (typeof parcel !== "string") this.byteCount -= parcel.length;
    }
  }

  /** Goes on to deliver, if there is something and the way is free. */
  pump(): void {
    const next = this.#parcels[0];
    if (this.#isPumping || this.#stuckSinceMs !== null || next === undefined) return;
    const { scheduler } = this.#wire;
    this.#isPumping = true;
    scheduler.after(next.atMs - scheduler.nowMs, "", () => {
      this.#isPumping = false;
      if (this.#wire.isCut(this.from.process.machine, this.to.process.machine)) {
        this.#stuckSinceMs ??= scheduler.nowMs;
        return;
      }
      const arrived = this.#parcels.shift();
      if (arrived !== undefined) this.#deliver(arrived.parcel);
      this.pump();
    });
  }

  /** The way may be free again: the system tries that at intervals that have grown with the time for which it was not. */
  retry(): void {
    if (this.#stuckSinceMs === null) return this.pump();
    const { scheduler, random } = this.#wire;
    if (this.#wire.isCut(this.from.process.machine, this.to.process.machine)) return;
    const waitMs = randomBelow(random, Math.ceil(scheduler.nowMs - this.#stuckSinceMs) + 1);
    this.#stuckSinceMs = null;
    this.#isPumping = true;
    scheduler.after(waitMs, "", () => {
      this.#isPumping = false;
      this.pump();
    });
  }

  #deliver(parcel: Parcel): void {
    const isBytes = typeof parcel !== "string";
    const what = isBytes ? `${parcel.length} bytes ${crc32(parcel).toString(16)}` : parcel;
    this.#wire.scheduler.note(`${this.from.process.name} → ${this.to.process.name} ${what}`);
    if (isBytes) this.byteCount -= parcel.length;
    this.to.receive(parcel);
  }
}

/** One end of a connection. */
export class Side implements Connection {
  readonly remote: string;
  readonly process: SimulatedProcess;
  out!: Lane;
  readonly #wire: Wire;
  #arrived: Uint8Array<ArrayBuffer>[] = [];
  #arrivedBytes = 0;
  #hasEnded = false;
  #isClosed = false;
  #isWriteClosed = false;
  #error: Error | null = null;
  #wakeReader: (() => void) | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(wire: Wire, process: SimulatedProcess, remote: string) {
    this.#wire = wire;
    this.process = process;
    this.remote = remote;
  }

  get peer(): Side {
    return this.out.to;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that arrived and were not read. */
  get unreadBytes(): number {
    return this.#arrivedBytes;
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    while (this.#arrived.length === 0) {
      if (this.#isClosed) throw new Deno.errors.BadResource("Connection is closed");
      if (this.#error !== null) throw this.#error;
      if (this.#hasEnded) return null;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    if (this.#isClosed) throw new Deno.errors.BadResource("Connection is closed");
    const chunk = this.#arrived[0]!;
    const count = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, count));
    if (count === chunk.length) this.#arrived.shift();
    else this.#arrived[0] = chunk.subarray(count);
    this.#arrivedBytes -= count;
    this.peer.roomMade();
    return count;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    while (true) {
      if (this.#isClosed || this.#isWriteClosed) throw new Deno.errors.BadResource("Connection is closed");
      if (this.#error !== null) throw this.#error;
      const room = WINDOW_BYTES - this.out.byteCount - this.peer.unreadBytes;
      if (room > 0) {
        const count = Math.min(room, bytes.length);
        this.#send(bytes.slice(0, count));
        return count;
      }
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
    }
  }

  closeWrite(): Promise<void> {
    if (!this.#isClosed && !this.#isWriteClosed && this.#error === null) this.out.send("end");
    this.#isWriteClosed = true;
    return Promise.resolve();
  }

  /** What was written still arrives. Whoever closes with bytes that he has not read resets the connection behind that. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#error === null) {
      if (this.#arrivedBytes > 0) this.out.send("reset");
      else if (!this.#isWriteClosed) this.out.send("end");
    }
    this.#arrived = [];
    this.#arrivedBytes = 0;
    this.#wakeBoth();
  }

  /** The machine is gone: nobody hears of it. */
  vanish(random: Random): void {
    this.#isClosed = true;
    this.#error = new Deno.errors.ConnectionReset("Connection reset by peer");
    this.out.loseSome(random);
  }

  /** The connection breaks here and now. */
  break(): void {
    if (this.#isClosed) return;
    this.#error ??= new Deno.errors.ConnectionReset("Connection reset by peer");
    this.out.lose();
    this.process.enter(() => this.#wakeBoth());
  }

  receive(parcel: Parcel): void {
    if (this.#isClosed) {
      // The system answers for a process that has closed it, or is gone.
      if (typeof parcel !== "string") this.out.send("reset");
      return;
    }
    if (parcel === "end") this.#hasEnded = true;
    else if (parcel === "reset") {
      this.#error ??= new Deno.errors.ConnectionReset("Connection reset by peer");
      this.#arrived = [];
      this.#arrivedBytes = 0;
    } else {
      this.#arrived.push(parcel);
      this.#arrivedBytes += parcel.length;
    }
    this.process.enter(() => this.#wakeBoth());
  }

  roomMade(): void {
    if (this.#wakeWriter !== null) {
      this.process.after(this.#wire.delayMs(this.peer, this), "", () => this.#wakeBoth());
    }
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    const { random } = this.#wire;
    if (bytes.length > 1 && randomBelow(random, SPLIT_ONE_IN) === 0) {
      const at = 1 + randomBelow(random, bytes.length - 1);
      this.out.send(bytes.slice(0, at));
      this.out.send(bytes.slice(at));
    } else this.out.send(bytes);
  }

  #wakeBoth(): void {
    const wakers = [this.#wakeReader, this.#wakeWriter];
    this.#wakeReader = null;
    this.#wakeWriter = null;
    for (const wake of wakers) wake?.();
  }
}

class WireListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly process: SimulatedProcess;
  readonly #closed: () => void;
  readonly #arrived: Side[] = [];
  #isClosed = false;
  #wake: (() => void) | null = null;

  constructor({ host, port }: Address, process: SimulatedProcess, closed: () => void) {
    this.host = host;
    this.port = port;
    this.process = process;
    this.#closed = closed;
  }

  async accept(): Promise<Connection | null> {
    while (this.#arrived.length === 0) {
      if (this.#isClosed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#arrived.shift()!;
  }

  arrive(side: Side): void {
    this.#arrived.push(side);
    this.process.enter(() => this.#wakeUp());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed();
    for (const side of this.#arrived) side.close();
    this.#wakeUp();
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

export class Wire {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** How long bytes take, most of the time. */
  latencyMs: number;
  readonly #listeners = new Map<number, WireListener>();
  readonly #machineOfPort: ReadonlyMap<number, Machine>;
  /** Directions that are cut, `from>to`, and how often. */
  readonly #cuts = new Map<string, number>();
  /** Directions that are slow, `from>to`, and by how much. */
  readonly #slow = new Map<string, number>();
  readonly #sides = new Set<Side>();
  /** Who tries to connect and does not get through. */
  #knocking: (() => void)[] = [];
  #nextPort = FIRST_CLIENT_PORT;

  constructor(scheduler: Scheduler, random: Random, machineOfPort: ReadonlyMap<number, Machine>) {
    this.scheduler = scheduler;
    this.random = random;
    this.latencyMs = 0.2;
    this.#machineOfPort = machineOfPort;
  }

  /** The network as `process` has it. */
  of(process: SimulatedProcess): Network {
    return {
      listen: (address) => this.#listen(address, process),
      connect: (address, timeoutMs) => this.#connect(address, process, timeoutMs),
    };
  }

  isCut(from: Machine, to: Machine): boolean {
    return from.isDown || to.isDown || (this.#cuts.get(wayOf(from, to)) ?? 0) > 0;
  }

  /** Nothing gets from `from` to `to` until {@linkcode Wire.restore}. */
  cut(from: Machine, to: Machine): void {
    const way = wayOf(from, to);
    this.#cuts.set(way, (this.#cuts.get(way) ?? 0) + 1);
  }

  restore(from: Machine, to: Machine): void {
    const way = wayOf(from, to);
    this.#cuts.set(way, this.#cuts.get(way)! - 1);
    this.goOn();
  }

  /** What waited for a free way goes on. */
  goOn(): void {
    for (const side of this.#sides) side.out.retry();
    for (const knock of this.#knocking.splice(0)) knock();
  }

  /** Bytes from `from` to `to` take `factor` times as long. */
  slowDown(from: Machine, to: Machine, factor: number): void {
    this.#slow.set(wayOf(from, to), factor);
  }

  delayMs({ process: from }: Side, { process: to }: Side): number {
    const factor = this.#slow.get(wayOf(from.machine, to.machine)) ?? 1;
    return from.machine.around(this.latencyMs) * factor;
  }

  /** Breaks some of the connections between two machines; returns how many. */
  drop(one: Machine, other: Machine): number {
    let count = 0;
    for (const side of [...this.#sides]) {
      const isBetween = side.process.machine === one && side.peer.process.machine === other;
      if (!isBetween || side.isClosed || side.peer.isClosed || randomBelow(this.random, 2) === 0) continue;
      side.break();
      side.peer.break();
      count++;
    }
    return count;
  }

  /** `process` is dead: the system closes what it had, unless the machine is dead, too. */
  died(process: SimulatedProcess): void {
    for (const listener of [...this.#listeners.values()]) if (listener.process === process) listener.close();
    for (const side of [...this.#sides]) {
      if (side.process !== process) continue;
      if (process.machine.isDown) side.vanish(this.random);
      else side.close();
    }
    for (const side of [...this.#sides]) {
      if (side.isClosed && side.peer.process.isDead) this.#sides.delete(side);
    }
  }

  #listen(address: Address, process: SimulatedProcess): Listener {
    const { port } = address;
    if (this.#listeners.has(port)) throw new Deno.errors.AddrInUse("Address already in use");
    const listener = new WireListener(address, process, () => this.#listeners.delete(port));
    this.#listeners.set(port, listener);
    return listener;
  }

  #connect(address: Address, process: SimulatedProcess, timeoutMs: number): Promise<Connection> {
    const { machine } = process;
    const there = this.#machineOfPort.get(address.port);
    const { promise, resolve, reject } = Promise.withResolvers<Connection>();
    let isOver = false;
    const timeout = process.after(timeoutMs, "", () => {
      isOver = true;
      reject(new Deno.errors.TimedOut("Connection timed out"));
    });
    const knock = () => {
      if (isOver || process.isDead) return;
      if (there === undefined || this.isCut(machine, there) || this.isCut(there, machine)) {
        this.#knocking.push(knock);
        return;
      }
      const listener = this.#listeners.get(address.port);
      const side = listener === undefined ? null : this.#join(process, listener, address);
      process.after(machine.around(this.latencyMs), "", () => {
        if (isOver) return side?.close();
        isOver = true;
        timeout.cancel();
        if (side === null) reject(new Deno.errors.ConnectionRefused("Connection refused"));
        else resolve(side);
      });
    };
    this.scheduler.after(
      machine.around(this.latencyMs),
      `${process.name} connects to ${address.port}`,
      knock,
    );
    return promise;
  }

  #join(process: SimulatedProcess, listener: WireListener, { host, port }: Address): Side {
    const near = new Side(this, process, `${host}:${port}`);
    const far = new Side(this, listener.process, `127.0.0.1:${this.#nextPort++}`);
    near.out = new Lane(this, near, far);
    far.out = new Lane(this, far, near);
    this.#sides.add(near).add(far);
    listener.arrive(far);
    return near;
  }
}

function wayOf(from: Machine, to: Machine): string {
  return `${from.name}>${to.name}`;
}
