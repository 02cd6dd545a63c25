/** What the main thread of a balancer and its further workers say to each other. */
import type { LogFormat, LogLevel } from "../io/log_format.ts";
import type { Address } from "../io/network.ts";

/** All that a worker needs to serve. */
export interface WorkerStart {
  readonly kind: "start";
  /** From 1; the main thread is worker 0. */
  readonly worker: number;
  /** Of the process. */
  readonly run: string;
  readonly listen: Address;
  readonly nodes: readonly Address[];
  readonly clientStallMs: number;
  readonly clientCountMax: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Rows of `Counters`. */
  readonly counterMemory: SharedArrayBuffer;
  readonly topologyText: string;
}

/** `start` first, `topology` with each new version, `stop` at the end. */
export type ToWorker = WorkerStart | { readonly kind: "topology"; readonly text: string } | {
  readonly kind: "stop";
};

/** Each once: it listens; it has stopped. */
export type FromWorker = "listening" | "stopped";
