/**
 * Keeps child processes running. A child that ends is started again: after a second if it had settled, and after a
 * pause that doubles up to half a minute while it keeps ending soon after its start. There is no giving up: what
 * stops a child (a damaged file, a port that is taken) may be mended by a person meanwhile.
 *
 * A stop asks the children to end group by group, and ends those that do not in time.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { STOP_DEADLINE_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Child, ChildEnd, ChildSpec, OutputStream, Spawner } from "../io/child.ts";

const RESTART_MS_MIN = 1_000;
const RESTART_MS_MAX = 30_000;
/** A child that lived this long had settled. */
const SETTLED_MS = 10_000;
/** A child bounds its own graceful stop; this is for one that does not even do that. */
const CHILD_STOP_MS = STOP_DEADLINE_MS + 5_000;

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
}

/** One child over its lives. */
interface Post {
  readonly spec: ChildSpec;
  child: Child | null;
  startedAtMs: number;
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
    const { spawner, clock, logger } = this.#options;
    const { name } = post.spec;
    post.restart = null;
    post.startedAtMs = clock.monotonicMs();
    try {
      post.child = spawner.spawn(post.spec, (line, stream) => this.#hear(name, line, stream));
    } catch (error) {
      logger.error("cannot start process", { process: name, cause: messageOf(error) });
      this.#relaunchLater(post);
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
    if (clock.monotonicMs() - post.startedAtMs >= SETTLED_MS) post.earlyEndCount = 0;
    const restartMs = this.#relaunchLater(post);
    const how = end.signal === null ? { exitCode: end.code } : { signal: end.signal };
    logger.error("process ended unexpectedly", { process: post.spec.name, pid, ...how, restartMs });
  }

  /** Returns the pause. */
  #relaunchLater(post: Post): number {
    const pauseMs = Math.min(RESTART_MS_MIN * 2 ** post.earlyEndCount, RESTART_MS_MAX);
    post.earlyEndCount++;
    post.restart = this.#options.clock.after(pauseMs, () => this.#launch(post));
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

  #hear(name: string, line: string, stream: OutputStream): void {
    this.#options.onLine(name, line, stream);
    const address = stream === "stdout" ? /^roundel \w+ ready on (\S+)$/.exec(line)?.[1] : undefined;
    if (address === undefined) return;
    this.#addresses.set(name, address);
    if (this.#wasReady || this.#addresses.size < this.#groups.flat().length) return;
    this.#wasReady = true;
    this.#options.onReady((wanted) => this.#addresses.get(wanted)!);
  }
}

function postOf(spec: ChildSpec): Post {
  return { spec, child: null, startedAtMs: 0, earlyEndCount: 0, restart: null };
}
