/**
 * Commits, and who waits for them. A reply may leave once everything that it shows is committed; it waits in its
 * client's outbox, and the outbox is in the list here. When the log has failed, what waits is replaced by an error. It
 * is also where writes are held back while the disk is behind, so that what waits for it stays bounded.
 */
import {
  DUMP_BACKLOG_BYTES_HIGH,
  DUMP_BACKLOG_BYTES_MAX,
  LOG_BACKLOG_BYTES_HIGH,
  LOG_BACKLOG_BYTES_MAX,
} from "../core/limits.ts";
import { type Clock, sleep } from "../core/clock.ts";
import type { Log } from "../persistence/log.ts";
import type { CommitOutbox } from "../serving/commit_outbox.ts";
import type { WaitsFor } from "./commit_point.ts";
import type { Dumps } from "./dumps.ts";
import type { Roles } from "./roles.ts";

/** How far what a reply waits for is from being committed. */
export const COMMITTED = 0;
/** With what is on its way to the disk. */
export const IN_FLIGHT = 1;
/** With what gathers behind that. */
export const GATHERING = 2;
export type CommitStage = typeof COMMITTED | typeof IN_FLIGHT | typeof GATHERING;

/** How often it is looked whether other copies have caught up. */
const COPIES_LOOK_MS = 5;

export interface CommitsOptions {
  readonly log: Log;
  readonly dumps: Dumps;
  readonly roles: Roles;
  readonly clock: Clock;
}

export class Commits {
  readonly #log: Log;
  readonly #dumps: Dumps;
  readonly #roles: Roles;
  readonly #clock: Clock;
  readonly #waiting: CommitOutbox[] = [];
  #isAdvanceQueued = false;

  constructor({ log, dumps, roles, clock }: CommitsOptions) {
    this.#log = log;
    this.#dumps = dumps;
    this.#roles = roles;
    this.#clock = clock;
    log.onSettled = this.#advance;
    roles.onSettled = () => this.#queueAdvance();
  }

  stageOf({ committing, position }: WaitsFor): CommitStage {
    if (position <= committing.committedPosition) return COMMITTED;
    return position <= this.#log.inFlightEnd ? IN_FLIGHT : GATHERING;
  }

  /** A request is over: its mutations, if any, are one whole. */
  endRequest(): void {
    this.#log.endRequest();
  }

  /** Whether a request's records broke off in their middle: then the log cannot be trusted. */
  get isTorn(): boolean {
    return this.#log.isTorn;
  }

  /** `outbox` holds replies that wait for a commit: it is told, and flushed, whenever something is, or never will be. */
  watch(outbox: CommitOutbox): void {
    if (outbox.isWatched) return;
    outbox.isWatched = true;
    this.#waiting.push(outbox);
    // It failed while the request was under way.
    if (this.#log.failure !== "") queueMicrotask(this.#advance);
  }

  /** Resolves to whether all that was changed up to now is committed; `false` when it never will be. */
  async whenAllCommitted(): Promise<boolean> {
    const position = this.#log.appended;
    if (!await this.#log.whenCommitted(position)) return false;
    let areAll = this.#roles.areCommitted(position);
    for (; areAll === null; areAll = this.#roles.areCommitted(position)) {
      await sleep(this.#clock, COPIES_LOOK_MS);
    }
    return areAll;
  }

  /** Why the node takes no writes; empty while it does. */
  writeRefusal(): string {
    return this.#log.failure;
  }

  /** The error for a request that ran and waits for `point`, which will not be committed; empty when it may be. */
  failureOf({ committing }: WaitsFor): string {
    return this.failureText() || (committing.lossText ?? "");
  }

  /**
   * The error for a request that ran, and of which the log could not commit what it did or what it saw. Empty while the
   * log has not failed.
   */
  failureText(): string {
    const { failure } = this.#log;
    if (failure === "") return "";
    return `UNCERTAIN What this request changed or saw could not be made durable and may be lost. ${failure}`;
  }

  /** Whether so much waits for the disk or for other copies that no more may be added. On a link, where others wait with a write, later. */
  isCongested(isLink = false): boolean {
    const bytesMax = isLink ? LOG_BACKLOG_BYTES_MAX : LOG_BACKLOG_BYTES_HIGH;
    return (this.#log.backlogBytes > bytesMax && this.#log.failure === "") ||
      this.#dumps.backlogBytes > (isLink ? DUMP_BACKLOG_BYTES_MAX : DUMP_BACKLOG_BYTES_HIGH) ||
      this.#roles.isCongested();
  }

  /** Resolves when what was waited for at the call has caught up, or may have. */
  async relief(): Promise<void> {
    if (this.#roles.isCongested()) await sleep(this.#clock, COPIES_LOOK_MS);
    else if (this.#dumps.backlogBytes > DUMP_BACKLOG_BYTES_HIGH) await this.#dumps.relief();
    else await this.#log.whenCommitted(this.#log.appended);
  }

  #queueAdvance(): void {
    if (this.#isAdvanceQueued || this.#waiting.length === 0) return;
    this.#isAdvanceQueued = true;
    queueMicrotask(this.#advance);
  }

  /** Lets go what may leave by now. */
  readonly #advance = (): void => {
    this.#isAdvanceQueued = false;
    const waiting = this.#waiting;
    const failure = this.failureText();
    let count = 0;
    for (let i = 0; i < waiting.length; i++) {
      const outbox = waiting[i]!;
      outbox.advance(failure);
      outbox.flush();
      outbox.isWatched = outbox.isWaiting;
      if (outbox.isWatched) waiting[count++] = outbox;
    }
    waiting.length = count;
  };
}
