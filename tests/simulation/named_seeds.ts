/** Runs that have shown what was wrong with the product once, each with what that was. */
import type { Fixed } from "./options.ts";

export interface NamedSeed {
  readonly name: string;
  readonly seed: number;
  readonly fixed: Fixed;
}

export const NAMED_SEEDS: readonly NamedSeed[] = [
  {
    name: "a former primary whose log has failed tells its place as if it were durable",
    seed: 3_180,
    fixed: { nodeCount: 3, replicas: 1 },
  },
];
