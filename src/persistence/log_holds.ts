/**
 * Who still needs the log before a dump's position: each follower holds on to what it has not read. A follower that is
 * further behind than `LOG_RETAINED_BYTES_MAX` loses its hold, so that one that is stuck cannot fill the disk.
 */
import { LOG_RETAINED_BYTES_MAX } from "../core/limits.ts";
import type { Position } from "../core/mutation.ts";

export class LogHold {
  /** The log from here on is needed. Only grows. */
  position: Position;
  #isLost = false;
  readonly #holds: Set<LogHold>;

  constructor(position: Position, holds: Set<LogHold>) {
    this.position = position;
    this.#holds = holds;
    holds.add(this);
  }

  /** Whether the log may have gone on without it: what it held on to may be gone. */
  get isLost(): boolean {
    return this.#isLost;
  }

  release(): void {
    this.#holds.delete(this);
  }

  lose(): void {
    this.#isLost = true;
    this.release();
  }
}

export class LogHolds {
  readonly #holds = new Set<LogHold>();

  hold(position: Position): LogHold {
    return new LogHold(position, this.#holds);
  }

  /** Up to where a log that ends at `end` may be removed, that nobody but the holders needs before `position`. */
  removableBefore(position: Position, end: Position): Position {
    let removable = position;
    for (const hold of [...this.#holds]) {
      if (hold.position >= removable) continue;
      if (end - hold.position > LOG_RETAINED_BYTES_MAX) hold.lose();
      else removable = hold.position;
    }
    return removable;
  }
}
