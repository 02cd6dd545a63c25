/**
 * Keeps child processes running. A child that ends is started again, when `restart_policy.ts` says; one that never will
 * run as things are is given up. While the cluster has never been ready that ends the cluster; later the others go on
 * without it, until a person has mended what stops it and starts the cluster again.
 *
 * A stop asks the children to end group by group, and ends those that do not in time.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { STOP_DEADLINE_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Child, ChildEnd, ChildSpec, OutputStream, Spawner } from "../io/child.ts";
import { pauseAfter, SETTLED_MS } from "./restart_policy.ts";

/** A child bounds its own graceful stop; this is for one that does not even do that. */
const CHILD_STOP_MS = STOP_DEADLINE_MS + 5_000;

/** Stand for an exit code where there is none. */
const SPAWN_FAILED = -1;
const SIGNALLED = -2;

export interface SupervisorOptions {
  /** Started all at once; stopped group by group in this order. */
  readonly groups: readonly (readonly ChildSpec[])[];
  readonly spawner: Spawner;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Hears every line of every child. */
  readonly onLine: (name: string, line: string, stream: OutputStream) => void;
  /** Called once, when every child has been ready; `addressOf` tells where the child of a name listens. */
  readonly onReady: (addressOf: (name: string) => string) => void;
  /** Called when a child that has never let the cluster become ready can never run; the cluster is to be stopped. */
  readonly onGivenUp: (name: string, exitCode: number) => void;
}

/** One child over its lives. */
interface Post {
  readonly spec: ChildSpec;
  child: Child | null;
  /** In its present life. */
  isReady: boolean;
  readyAtMs: number;
  /** Ends in a row that came soon after the start. */
  earlyEndCount: number;
  restart: Timer | null;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #groups: readonly (readonly Post[])[];
  /** Addresses of the ready lines, by the child's name. */
  readonly #addresses = new Map<string, string>();
  #wasReady = false;
  #isStopping = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#groups = options.groups.map((specs) => specs.map(postOf));
  }

  start(): void {
    for (const post of this.#groups.flat()) this.#launch(post);
  }

  /** Resolves when every child has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const post of this.#groups.flat()) post.restart?.cancel();
    for (const group of this.#groups) {
      await Promise.all(group.map((post) => this.#end(post)));
    }
  }

  #launch(post: Post): void {
    const { spawner, logger } = this.#options;
    const { name } = post.spec;
    post.restart = null;
    post.isReady = false;
    try {
      post.child = spawner.spawn(post.spec, (line, stream) => this.#hear(post, line, stream));
    } catch (error) {
      logger.error("cannot start process", { process: name, cause: messageOf(error) });
      this.#relaunchLater(post, SPAWN_FAILED);
      return;
    }
    logger.info("started process", { process: name, pid: post.child.pid });
    post.child.ended.then((end) => this.#ended(post, end));
  }

  #ended(post: Post, end: ChildEnd): void {
    const { clock, logger } = this.#options;
    const pid = post.child?.pid;
    post.child = null;
    if (this.#isStopping) return;
    if (post.isReady && clock.monotonicMs() - post.readyAtMs >= SETTLED_MS) post.earlyEndCount = 0;
    const restartMs = this.#relaunchLater(post, end.signal === null ? end.code : SIGNALLED);
    const how = end.signal === null ? { exitCode: end.code } : { signal: end.signal };
    const process = post.spec.name;
    if (restartMs !== null) {
      return logger.error("process ended unexpectedly", { process, pid, ...how, restartMs });
    }
    logger.error("process cannot run as things are and is not started again", { process, pid, ...how });
    if (!this.#wasReady) this.#options.onGivenUp(process, end.code);
  }

  /** Returns the pause; `null` when the child is given up. */
  #relaunchLater(post: Post, exitCode: number): number | null {
    const { earlyEndCount, isReady } = post;
    const pauseMs = pauseAfter({ exitCode, wasReady: isReady, earlyEndCount });
    post.earlyEndCount++;
    if (pauseMs !== null) post.restart = this.#options.clock.after(pauseMs, () => this.#launch(post));
    return pauseMs;
  }

  async #end(post: Post): Promise<void> {
    const child = post.child;
    if (child === null) return;
    child.kill("SIGTERM");
    const deadline = this.#options.clock.after(CHILD_STOP_MS, () => {
      this.#options.logger.error("process does not stop, killing it", {
        process: post.spec.name,
        pid: child.pid,
      });
      child.kill("SIGKILL");
    });
    await child.ended;
    deadline.cancel();
  }

  #hear(post: Post, line: string, stream: OutputStream): void {
    const { name } = post.spec;
    this.#options.onLine(name, line, stream);
    const address = stream === "stdout" ? /^roundel \w+ ready on (\S+)$/.exec(line)?.[1] : undefined;
    if (address === undefined) return;
    if (!post.isReady) post.readyAtMs = this.#options.clock.monotonicMs();
    post.isReady = true;
    this.#addresses.set(name, address);
    if (this.#wasReady || this.#addresses.size < this.#groups.flat().length) return;
    this.#wasReady = true;
    this.#options.onReady((wanted) => this.#addresses.get(wanted)!);
  }
}

function postOf(spec: ChildSpec): Post {
  return { spec, child: null, isReady: false, readyAtMs: 0, earlyEndCount: 0, restart: null };
}
