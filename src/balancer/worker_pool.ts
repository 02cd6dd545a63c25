/**
 * The further workers of a balancer, as its main thread sees them. Each is a thread with an event loop of its own,
 * which listens on the same port. They start when there is a topology, are sent each new version, and stop together.
 * A thread that fails takes the process with it: half a balancer would look like a whole one.
 */
import type { FromWorker, ToWorker, WorkerStart } from "./worker_messages.ts";

/** A thread that runs a worker. */
export interface Thread {
  post(message: ToWorker): void;
  /** Ends the thread at once. */
  terminate(): void;
}

/** Starts a thread: `onMessage` hears what it says, `onFailure` of an error that nobody caught in it. */
export type ThreadStarter = (
  onMessage: (message: FromWorker) => void,
  onFailure: (cause: string) => void,
) => Thread;

interface Member {
  readonly thread: Thread;
  readonly listening: Promise<void>;
  readonly stopped: Promise<void>;
}

export class WorkerPool {
  readonly #startThread: ThreadStarter;
  readonly #fail: (worker: number, cause: string) => void;
  #members: Member[] = [];

  /** `fail` is called when a worker has failed. */
  constructor(startThread: ThreadStarter, fail: (worker: number, cause: string) => void) {
    this.#startThread = startThread;
    this.#fail = fail;
  }

  /** Starts a worker for each of `starts`; resolves when all of them listen. */
  async start(starts: readonly WorkerStart[]): Promise<void> {
    this.#members = starts.map((start) => this.#launch(start));
    await Promise.all(this.#members.map(({ listening }) => listening));
  }

  /** There is a new version of the topology. */
  send(topologyText: string): void {
    for (const { thread } of this.#members) thread.post({ kind: "topology", text: topologyText });
  }

  /** Resolves when every worker has let its clients have what they asked for, and has stopped. */
  async stop(): Promise<void> {
    for (const { thread } of this.#members) thread.post({ kind: "stop" });
    await Promise.all(this.#members.map(({ stopped }) => stopped));
    for (const { thread } of this.#members) thread.terminate();
  }

  #launch(start: WorkerStart): Member {
    const listening = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const thread = this.#startThread(
      (message) => (message === "listening" ? listening : stopped).resolve(),
      (cause) => this.#fail(start.worker, cause),
    );
    thread.post(start);
    return { thread, listening: listening.promise, stopped: stopped.promise };
  }
}
