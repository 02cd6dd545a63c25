/** What clients ask: a few commands on a few keys, each write with a value of its own. */
import { type Random, randomBelow } from "../../src/core/random.ts";
import type { Operation } from "../support/linearizability.ts";

/** What is done to one key. */
export interface KeyOperation {
  readonly key: string;
  readonly operation: Operation;
}

export interface Request {
  readonly args: readonly string[];
  readonly operations: readonly KeyOperation[];
}

export class Workload {
  readonly #random: Random;
  /** Their values are numbers. */
  readonly #counters: readonly string[];
  readonly #strings: readonly string[];
  /** What every write of this client begins with. */
  readonly #number: number;
  readonly #canMget: boolean;
  #writeCount = 0;

  /** `number` tells the clients apart. Without `canMget` each request is about one key. */
  constructor(
    random: Random,
    { keyCount, number, canMget }: { keyCount: number; number: number; canMget: boolean },
  ) {
    this.#random = random;
    this.#number = number;
    this.#canMget = canMget;
    const names = Array.from({ length: keyCount }, (_, i) => i % 3 === 2 ? `count${i}` : `text${i}`);
    this.#counters = names.filter((name) => name.startsWith("count"));
    this.#strings = names.filter((name) => name.startsWith("text"));
  }

  get keys(): readonly string[] {
    return [...this.#counters, ...this.#strings];
  }

  next(): Request {
    const dice = randomBelow(this.#random, 100);
    if (dice < 35) return this.get(this.#pick(this.keys));
    if (dice < 40) return this.#canMget ? this.mget() : this.get(this.#pick(this.keys));
    if (dice < 62) return this.set(this.#pick(this.keys));
    if (dice < 70) return this.#del();
    if (dice < 78) return this.#setnx();
    if (dice < 90) return this.#incr();
    return this.#append();
  }

  get(key: string): Request {
    return {
      args: ["GET", key],
      operations: [{ key, operation: { kind: "get", result: undefined, ...call() } }],
    };
  }

  set(key: string): Request {
    const value = this.#value();
    return { args: ["SET", key, value], operations: [{ key, operation: { kind: "set", value, ...call() } }] };
  }

  /** All keys in one request. */
  mget(): Request {
    const { keys } = this;
    const gets = keys.map((key) => ({
      key,
      operation: { kind: "get", result: undefined, ...call() } as Operation,
    }));
    return { args: ["MGET", ...keys], operations: gets };
  }

  #del(): Request {
    const key = this.#pick(this.keys);
    return {
      args: ["DEL", key],
      operations: [{ key, operation: { kind: "del", result: undefined, ...call() } }],
    };
  }

  #setnx(): Request {
    const key = this.#pick(this.keys);
    const value = this.#value();
    return {
      args: ["SET", key, value, "NX"],
      operations: [{ key, operation: { kind: "setnx", value, result: undefined, ...call() } }],
    };
  }

  #incr(): Request {
    if (this.#counters.length === 0) return this.#append();
    const key = this.#pick(this.#counters);
    return {
      args: ["INCR", key],
      operations: [{ key, operation: { kind: "incr", result: undefined, ...call() } }],
    };
  }

  #append(): Request {
    const key = this.#pick(this.#strings);
    const value = `+${this.#value()}`;
    return {
      args: ["APPEND", key, value],
      operations: [{ key, operation: { kind: "append", value, result: undefined, ...call() } }],
    };
  }

  #pick(keys: readonly string[]): string {
    return keys[randomBelow(this.#random, keys.length)]!;
  }

  /** A number that no other write has, with room behind it for what is added to it. */
  #value(): string {
    return String((this.#number * 10_000 + ++this.#writeCount) * 1_000);
  }
}

function call(): { calledAt: number; returnedAt: number } {
  return { calledAt: Infinity, returnedAt: Infinity };
}
