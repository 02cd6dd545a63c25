/** What a batch runner works with: a client as its batch is run, and what all of them share. */
import type { RequestDecoder } from "../protocol/request_decoder.ts";
import type { CommitOutbox, OutboxMemory } from "../serving/commit_outbox.ts";
import type { FaultLog } from "../serving/fault_log.ts";
import type { ReadBuffer } from "../serving/read_buffer.ts";
import type { ReplyBlock } from "../serving/reply_buffer.ts";
import type { Session } from "../serving/session.ts";
import type { Commits } from "./commits.ts";
import type { DecoderPool } from "./decoder_pool.ts";
import type { NodeServices } from "./executor.ts";
import type { NodeTime } from "./node_time.ts";

export interface RunnerServices extends NodeServices {
  readonly commits: Commits;
  readonly time: NodeTime;
  readonly memory: OutboxMemory;
  readonly decoders: DecoderPool;
  readonly faults: FaultLog;
  /** Ends the process, because of a bug that has thrown `error`: see `ProcessFacts`. */
  readonly abort: (error: unknown) => never;
}

/** A client as its batch is run. */
export interface BatchClient {
  readonly session: Session;
  readonly buffer: ReadBuffer;
  readonly outbox: CommitOutbox;
  readonly isOver: boolean;
  /** Holds the beginning of the request that has not all arrived. */
  decoder: RequestDecoder | undefined;
  /** Number of the next request on a link. */
  requestNumber: number;
  /** Length of the reply that its next request has to wait for; 0 when it has not. */
  wantedBytes: number;
  /** Whether it has waited for that, and there is room … */
  hasTurn: boolean;
  /** … which is this, for a long one. */
  room: ReplyBlock | null;
  /** Whether its next request is a write, which has to wait for the disk. */
  waitsForDisk: boolean;
  /** The client was told the last that it gets. */
  refused(): void;
}
