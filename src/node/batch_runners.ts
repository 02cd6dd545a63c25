import { BATCH_RUNNER_COUNT_KEPT } from "../core/limits.ts";
import type { RunnerServices } from "./batch_client.ts";
import { BatchRunner } from "./batch_runner.ts";

/** The runners of a node that are free: one, unless commands take long. */
export class BatchRunners {
  readonly #services: RunnerServices;
  readonly #free: BatchRunner[] = [];

  constructor(services: RunnerServices) {
    this.#services = services;
  }

  /** One that nobody uses. It need not be given back. */
  take(): BatchRunner {
    return this.#free.pop() ?? new BatchRunner(this.#services);
  }

  /** The batch of `runner` has ended. */
  give(runner: BatchRunner): void {
    if (this.#free.length < BATCH_RUNNER_COUNT_KEPT) this.#free.push(runner);
  }
}
