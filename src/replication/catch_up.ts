/**
 * Sends a copy what it lacks from the log, until it meets what is kept of the newest in memory:
 *
 *     log     ──── place ─────────────────► goal
 *     kept                                    └──► appended meanwhile
 *
 * Only what is committed is read, so the newest records can never come from there in time. Therefore, once all that is
 * committed was read, whatever is appended from then on is kept: the goal is what was appended last before that. Where
 * more is kept than may be, it is dropped, and the reading goes on until there is another goal.
 */
import { type Clock, sleep } from "../core/clock.ts";
import { BACKGROUND_STEP_MS, STREAM_CHUNK_BYTES } from "../core/limits.ts";
import {
  KIND_BEGIN_ANEW,
  KIND_BEGIN_EPOCH,
  KIND_FILL,
  KIND_FILLED,
  type Mutation,
} from "../core/mutation.ts";
import type { Log } from "../persistence/log.ts";
import type { LogCursor } from "../persistence/log_cursor.ts";
import { encodeRecord } from "../persistence/record.ts";
import type { LedShard } from "./led_shard.ts";
import { isWithin, type Place } from "./place.ts";
import { payloadOf, type RecordQueue } from "./record_queue.ts";

/** Records that are read between two looks at the time. */
const RECORDS_PER_LOOK = 64;

/** The stream that catches up. */
export interface CatchingStream {
  readonly led: LedShard;
  /** Where the records go. */
  readonly queue: RecordQueue;
  /** Whether what is appended is kept. */
  readonly isKeeping: boolean;
  keep(): void;
  /** Something is in the queue; whether what was added last ends its request. */
  wake(isWhole: boolean): void;
  /** Resolves when it was taken, or nobody wants it. */
  whenTaken(): Promise<void>;
  /** The kept records go on behind those in the queue. */
  caughtUp(): void;
}

/** Whether what is under way is wanted; ends once. */
export class Turn {
  isOver = false;
  readonly over: Promise<void>;
  #resolve!: () => void;

  constructor() {
    this.over = new Promise((resolve) => this.#resolve = resolve);
  }

  end(): void {
    this.isOver = true;
    this.#resolve();
  }
}

/** Whether the copy has caught up; the log does not reach back so far; or it does not matter any more. */
export type CatchUpFinding = "caught up" | "lost" | "over";

/**
 * `place` is where the copy stands; `cursor` begins before what comes behind that, or where the log begins. Everybody else
 * is served between steps of `BACKGROUND_STEP_MS`: many streams may catch up at a time, through the log of all shards.
 */
export async function catchUp(
  stream: CatchingStream,
  { cursor, log, place, turn, clock }: {
    cursor: LogCursor;
    log: Log;
    place: Place;
    turn: Turn;
    clock: Clock;
  },
): Promise<CatchUpFinding> {
  const { led, queue } = stream;
  const { shard, history } = led;
  let { epoch, sequence } = place;
  let goal = { epoch: 0, sequence: 0, position: 0 };
  const isGoal = () => stream.isKeeping && epoch === goal.epoch && sequence === goal.sequence;
  let endMs = clock.monotonicMs() + BACKGROUND_STEP_MS;
  let records = 0;
  while (true) {
    while (cursor.next()) {
      const { mutation } = cursor;
      if (mutation.shard === shard && isNews(mutation, { epoch, sequence }) && isWithin(history, mutation)) {
        if (mutation.sequence !== sequence + (mutation.kind === KIND_BEGIN_EPOCH ? 0 : 1)) return "lost";
        encodeRecord(queue.outputFor(payloadOf(mutation)), mutation);
        ({ epoch, sequence } = mutation);
        if (isGoal()) break;
      }
      if (++records % RECORDS_PER_LOOK === 0 && clock.monotonicMs() >= endMs) {
        await sleep(clock, 0);
        if (turn.isOver) return "over";
        endMs = clock.monotonicMs() + BACKGROUND_STEP_MS;
      }
      if (queue.byteLength < STREAM_CHUNK_BYTES || !cursor.isBetweenRequests) continue;
      queue.endRequest();
      stream.wake(true);
      await stream.whenTaken();
      if (turn.isOver) return "over";
    }
    if (!stream.isKeeping && cursor.isAtEnd) {
      stream.keep();
      goal = { epoch: history.epoch, sequence: history.sequence, position: log.appended };
    }
    if (isGoal()) {
      stream.caughtUp();
      return "caught up";
    }
    if (stream.isKeeping && cursor.reached >= goal.position) return "lost";
    stream.wake(cursor.isBetweenRequests);
    const finding = await Promise.race([cursor.fill(), turn.over]);
    if (turn.isOver || finding === "closed") return "over";
    if (finding === "lost") return "lost";
  }
}

/** Whether `mutation` is one of the shard that comes behind a place in its history. */
function isNews({ kind, epoch, sequence }: Mutation, place: { epoch: number; sequence: number }): boolean {
  // What fills this node's own copy is no part of the shard's history.
  if (kind === KIND_BEGIN_ANEW || kind === KIND_FILL || kind === KIND_FILLED) return false;
  return epoch > place.epoch || (epoch === place.epoch && sequence > place.sequence);
}
