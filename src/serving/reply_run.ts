/** Replies that lie side by side and wait for the same commit: what a node's outbox is a queue of. */
import { ReplyBlock } from "./reply_buffer.ts";

/** What has a history of which a part is committed: a shard's copy. */
export interface Committing {
  /** Everything before it is committed. */
  readonly committedPosition: number;
  /** The error for whatever waits, once it is known that nothing more will be committed; else empty or not there. */
  readonly lossText?: string;
}

const NO_BYTES = new Uint8Array(0);
const NO_BLOCK = new ReplyBlock(null);
/** What waits for nothing. */
const NOTHING: Committing = { committedPosition: Infinity };

/** `bytes[start, end)` are the replies to `count` requests; on a link, with the header of their run before them. */
export class ReplyRun {
  bytes: Uint8Array<ArrayBuffer> = NO_BYTES;
  start = 0;
  end = 0;
  /** 0 for a push, which answers none. */
  count = 0;
  /** Number of the first of them on its link. */
  firstRequest = 0;
  /** Whether they are text lines. */
  isText = false;
  /** Of what `bytes` are a part, held until they are written. */
  block: ReplyBlock = NO_BLOCK;
  /** They may leave once this has committed … */
  committing: Committing = NOTHING;
  /** … everything before this. */
  position = 0;
  next: ReplyRun | null = null;

  get byteLength(): number {
    return this.end - this.start;
  }

  get isCommitted(): boolean {
    return this.position <= this.committing.committedPosition;
  }

  /** The error to answer with, where it is known that this will not be committed; else empty. */
  get lossText(): string {
    return this.committing.lossText ?? "";
  }
}

/** Runs that nobody uses; those of all clients of a process, so that none is made for a request. */
export class ReplyRunPool {
  #free: ReplyRun | null = null;

  take(): ReplyRun {
    const run = this.#free;
    if (run === null) return new ReplyRun();
    this.#free = run.next;
    run.next = null;
    return run;
  }

  give(run: ReplyRun): void {
    run.bytes = NO_BYTES;
    run.block = NO_BLOCK;
    run.committing = NOTHING;
    run.position = run.count = 0;
    run.next = this.#free;
    this.#free = run;
  }
}

/** Runs in their order. */
export class ReplyRunQueue {
  first: ReplyRun | null = null;
  #last: ReplyRun | null = null;

  push(run: ReplyRun): void {
    run.next = null;
    if (this.#last === null) this.first = run;
    else this.#last.next = run;
    this.#last = run;
  }

  /** Forgets them all. */
  clear(): void {
    this.first = this.#last = null;
  }

  /** The first one, taken out. */
  shift(): ReplyRun | null {
    const run = this.first;
    if (run === null) return null;
    this.first = run.next;
    if (run.next === null) this.#last = null;
    run.next = null;
    return run;
  }
}
