/** Small helps of programs that try something at random, in real time. */
import { type Random, randomBelow } from "../../src/core/random.ts";

export function pick<T>(from: readonly T[], random: Random): T {
  return from[randomBelow(random, from.length)]!;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
