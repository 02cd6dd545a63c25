/**
 * Runs what one client has sent, as a batch, in three passes over a few requests at a time:
 *
 *     decode ─► prefetch ─► execute ─► runs of replies, each with what it waits for ─► the client's outbox
 *
 * A client needs a runner only while its batch runs; so all clients of a node share one, which stays in the processor's
 * cache. A client keeps it only while a command takes longer than its turn; who comes meanwhile gets another.
 *
 * Requests side by side whose replies wait for the same thing make a run. On a link the header of a run lies before its
 * replies; where a reply waits for something else than those before it, it makes room for one.
 */
import {
  BATCH_REQUEST_COUNT,
  OUTPUT_BYTES_HIGH,
  READ_BUFFER_BYTES,
  REPLY_BYTES_SMALL,
} from "../core/limits.ts";
import { IS_WRITE } from "../protocol/command_columns.ts";
import { looksLikeHttp } from "../protocol/http_guard.ts";
import { RUN_HEADER_BYTES, type RunHeader, writeRunHeader } from "../protocol/link_run.ts";
import { INCOMPLETE, INVALID } from "../protocol/progress.ts";
import type { ReplyGate } from "../protocol/reply.ts";
import { type ReplyBlock, ReplyBuffer } from "../serving/reply_buffer.ts";
import type { ReplyRun } from "../serving/reply_run.ts";
import type { BatchClient, RunnerServices } from "./batch_client.ts";
import type { WaitsFor } from "./commit_point.ts";
import { type CommitStage, COMMITTED } from "./commits.ts";
import { DecodedRequest } from "./decoded_request.ts";
import { Executor } from "./executor.ts";
import { NO_ROOM, ReplyRoom } from "./reply_room.ts";
import { TooLongForLink } from "./long_reply.ts";

const NOT_HTTP = "ERR This port speaks RESP and text lines, not HTTP";
const INTERNAL_ERROR =
  "ERR Internal error: the request met a bug and may be done in part; the node's log says where";

export class BatchRunner implements ReplyGate {
  /** Requests of the last batch that have a reply. */
  requestCount = 0;
  /** Whether the last batch ended before all that had arrived was run. */
  wasCut = false;
  readonly #services: RunnerServices;
  readonly #replies = new ReplyBuffer();
  readonly #room: ReplyRoom;
  readonly #executor: Executor;
  readonly #requests = Array.from({ length: BATCH_REQUEST_COUNT }, () => new DecodedRequest());
  readonly #header: RunHeader = { firstRequest: 0, count: 0, byteLength: 0 };
  /** Requests decoded by the last pass. */
  #count = 0;
  /** Why what comes behind them cannot be understood; empty when it can. */
  #problem = "";
  #isProblemText = false;
  /** Whether a further pass over the buffer may find more. */
  #mayBeMore = false;
  #batchStart = 0;
  /** Where the reply to the present request begins. */
  #replyStart = 0;
  #client: BatchClient | null = null;
  /** Whether there is room for whatever the present request answers. */
  #isCleared = false;
  /** The batch ends with the reply that reaches it. */
  #outputBytesMax = OUTPUT_BYTES_HIGH;
  /** Whether the batch began while the disk was behind: then it ends before the first write. */
  #isCongested = false;
  #run: ReplyRun;
  #stage: CommitStage = COMMITTED;

  constructor(services: RunnerServices) {
    this.#services = services;
    this.#room = new ReplyRoom(services);
    this.#executor = new Executor(services, this.#replies.output);
    this.#executor.useGate(this);
    this.#run = services.memory.runs.take();
  }

  /** Whether the last request was a text line. */
  get isText(): boolean {
    return this.#executor.request.isText;
  }

  /**
   * Runs requests of `client` until the input is used up, there are many replies, the connection is to be closed, or a
   * command takes longer than this turn: then what is returned resolves at the end of the batch.
   */
  run(client: BatchClient): Promise<void> | undefined {
    this.#begin(client);
    do {
      this.#decode(client);
      this.#services.prefetch.run(this.#requests, this.#count);
      const pending = this.#execute(client);
      if (pending !== undefined) return pending;
    } while (this.#mayBeMore);
    if (this.#problem !== "" && !client.isOver) this.#refuse(client, this.#problem, this.#isProblemText);
    this.#end(client);
    return undefined;
  }

  /** Answers with an error, as a batch of its own, the last that this client gets. */
  refuse(client: BatchClient, text: string, isText: boolean): void {
    this.#begin(client);
    this.#refuse(client, text, isText);
    this.#end(client);
  }

  #begin(client: BatchClient): void {
    const { session } = client;
    this.#replies.begin();
    this.#batchStart = this.#replies.output.length;
    this.#client = client;
    this.requestCount = 0;
    this.wasCut = false;
    this.#outputBytesMax = this.#services.memory.budget.isUsedUp ? REPLY_BYTES_SMALL : OUTPUT_BYTES_HIGH;
    this.#isCongested = this.#services.commits.isCongested(client.outbox.isLink);
    this.#executor.serve(session);
    this.#executor.nowMs = this.#services.time.nowMs();
    session.lastActiveMs = this.#services.clock.monotonicMs();
    this.#openRun(client);
  }

  /** Decodes the next few requests, where they lie. */
  #decode(client: BatchClient): void {
    const { buffer } = client;
    const { bytes, end } = buffer;
    let at = buffer.start;
    let count = 0;
    this.#problem = "";
    if (client.decoder !== undefined) this.#takeDecoder(client);
    while (at < end && count < BATCH_REQUEST_COUNT) {
      const decoded = this.#requests[count]!;
      const { request } = decoded;
      const next = request.decode(bytes, at, end);
      if (next === INCOMPLETE) {
        this.#leaveDecoder(client, decoded);
        break;
      }
      if (next === INVALID || (request.isLine && request.argumentCount > 0 && looksLikeHttp(request))) {
        this.#problem = next === INVALID ? request.error : NOT_HTTP;
        this.#isProblemText = request.isText;
        break;
      }
      at = next;
      if (request.argumentCount > 0) this.#requests[count++]!.end = at;
      else if (count > 0) this.#requests[count - 1]!.end = at;
      else buffer.consume(at);
    }
    this.#count = count;
    this.#mayBeMore = count === BATCH_REQUEST_COUNT && at < end;
  }

  #execute(client: BatchClient): Promise<void> | undefined {
    const { session, buffer } = client;
    const { output } = this.#replies;
    const { commits } = this.#services;
    const executor = this.#executor;
    for (let i = 0; i < this.#count; i++) {
      const decoded = this.#requests[i]!;
      this.#replyStart = output.length;
      this.#isCleared = false;
      if (this.#isCongested && IS_WRITE[decoded.command] === 1) {
        client.waitsForDisk = true;
        return this.#putOff(client, i);
      }
      try {
        let pending: void | Promise<void>;
        try {
          pending = executor.run(decoded);
        } finally {
          // Also of a request that fails: what it has changed is not joined to what the next one changes.
          commits.endRequest();
        }
        if (pending !== undefined) {
          buffer.consume(decoded.end);
          this.requestCount += i + 1;
          this.#leaveRest(client, i + 1);
          return this.#wait(client, pending);
        }
      } catch (error) {
        if (error === NO_ROOM) return this.#putOff(client, i);
        if (error instanceof TooLongForLink) executor.refuse(error.message, false);
        else this.#fail(client, error);
      }
      const point = executor.takeCommitPoint();
      buffer.consume(decoded.end);
      this.#replied(client, point);
      if (session.wantsClose) client.refused();
      if (client.isOver || output.length - this.#batchStart >= this.#outputBytesMax) {
        this.requestCount += i + 1;
        this.#leaveRest(client, i + 1);
        return undefined;
      }
    }
    this.requestCount += this.#count;
    return undefined;
  }

  /** A request is about to make a reply of `bytes`: goes on when there is room. On a link it does so, or is too long. */
  check(bytes: number): void {
    const client = this.#client!;
    if (this.#isCleared) return;
    const room = this.#room.take(client, bytes, this.#replies.output.length - this.#batchStart);
    this.#isCleared = !client.outbox.isLink;
    this.#useRoom(client, room);
  }

  /** As {@linkcode BatchRunner.check}, for a request that has taken longer than its turn. */
  async whenRoom(bytes: number): Promise<void> {
    this.#useRoom(this.#client!, await this.#room.wait(this.#client!, bytes));
  }

  /** The reply to the present request is made in `room`, if there is one, and what was replied before it goes to the outbox. */
  #useRoom(client: BatchClient, room: ReplyBlock | null): void {
    if (room === null) return;
    if (this.#run.count > 0) {
      this.#closeRun(client, this.#replyStart);
      this.#openRun(client);
    }
    this.#replies.borrow(room, this.#replyStart);
    this.#run.start = this.#replyStart = this.#batchStart = 0;
  }

  /** There is no room for request `next` or its reply, and it has changed nothing: it is run again when there is. */
  #putOff(client: BatchClient, next: number): undefined {
    this.#replies.output.length = this.#replyStart;
    this.#executor.takeCommitPoint();
    this.requestCount += next;
    this.#leaveRest(client, next);
  }

  /** The batch ends before request `next`: from there on all is decoded anew, what is wrong behind it included. */
  #leaveRest(client: BatchClient, next: number): void {
    this.wasCut = next < this.#count || this.#mayBeMore;
    this.#mayBeMore = false;
    if (next === this.#count) return;
    this.#problem = "";
    if (client.decoder === undefined) return;
    // What it has seen begins behind requests that come first.
    this.#services.decoders.give(client.decoder);
    client.decoder = undefined;
  }

  /** The present request takes longer than its turn, and the batch ends with it. */
  async #wait(client: BatchClient, pending: Promise<void>): Promise<void> {
    const point = this.#executor.takeCommitPoint();
    const kept = point === null ? null : { committing: point.committing, position: point.position };
    this.#isCleared = true;
    try {
      await pending;
    } catch (error) {
      this.#fail(client, error);
    }
    this.#replied(client, kept);
    this.#end(client);
  }

  /**
   * The present request met a bug: it is answered so. On a link others go on, an ordinary client is dropped. A bug in the
   * middle of a change ends the process: it would go on with a store that is neither as before nor as the log says.
   */
  #fail(client: BatchClient, error: unknown): void {
    if (this.#executor.isTorn || this.#services.commits.isTorn) this.#services.abort(error);
    this.#services.faults.report("request failed", error, { command: client.session.lastCommandName });
    this.#replies.output.length = this.#replyStart;
    this.#executor.refuse(INTERNAL_ERROR, this.isText);
    if (!client.outbox.isLink) client.refused();
  }

  #refuse(client: BatchClient, text: string, isText: boolean): void {
    const replyStart = this.#replies.output.length;
    this.#executor.refuse(text, isText);
    if (this.#run.count > 0 && this.#run.isText !== isText) this.#splitRun(client, replyStart);
    this.#run.count++;
    this.#run.isText = isText;
    client.refused();
  }

  /** The reply to the present request is there, and waits for `point`; for nothing if that is `null`. */
  #replied(client: BatchClient, point: WaitsFor | null): void {
    const { isText } = this.#executor.request;
    const waitsFor = point === null || this.#isFailed(point) ? null : point;
    const stage = waitsFor === null ? COMMITTED : this.#services.commits.stageOf(waitsFor);
    let run = this.#run;
    if (
      run.count > 0 &&
      (stage !== this.#stage || isText !== run.isText ||
        (waitsFor !== null && waitsFor.committing !== run.committing))
    ) {
      this.#splitRun(client, this.#replyStart);
      run = this.#run;
    }
    this.#stage = stage;
    run.count++;
    run.isText = isText;
    if (waitsFor !== null) {
      run.committing = waitsFor.committing;
      run.position = Math.max(run.position, waitsFor.position);
    }
    if (client.session.isLink !== client.outbox.isLink) this.#becomeLink(client);
  }

  /** Whether `point`, for which the reply waits, will not be committed: then the reply is the error that says so. */
  #isFailed(point: WaitsFor): boolean {
    const failure = this.#services.commits.failureOf(point);
    if (failure === "") return false;
    this.#replies.output.length = this.#replyStart;
    this.#executor.refuse(failure, this.#executor.request.isText);
    return true;
  }

  /** What was answered so far is in order still; from here on replies may overtake each other. */
  #becomeLink(client: BatchClient): void {
    this.#closeRun(client, this.#replies.output.length);
    client.outbox.becomeLink();
    this.#openRun(client);
  }

  /** A run begins here, on a link with its header. */
  #openRun({ outbox }: BatchClient): void {
    const { output } = this.#replies;
    this.#run.start = output.length;
    this.#stage = COMMITTED;
    if (!outbox.isLink) return;
    output.reserve(RUN_HEADER_BYTES);
    output.length += RUN_HEADER_BYTES;
  }

  /** The reply that begins at `replyStart`, the last one, waits for something else than those before it. */
  #splitRun(client: BatchClient, replyStart: number): void {
    const { output } = this.#replies;
    this.#closeRun(client, replyStart);
    this.#run.start = replyStart;
    if (!client.outbox.isLink) return;
    output.reserve(RUN_HEADER_BYTES);
    output.bytes.copyWithin(replyStart + RUN_HEADER_BYTES, replyStart, output.length);
    output.length += RUN_HEADER_BYTES;
  }

  /** The run ends at `end`, and goes to the outbox. */
  #closeRun(client: BatchClient, end: number): void {
    const { commits, memory } = this.#services;
    const { outbox } = client;
    const run = this.#run;
    this.#run = memory.runs.take();
    run.bytes = this.#replies.output.bytes;
    run.end = end;
    run.block = this.#replies.block;
    run.block.hold();
    if (outbox.isLink) this.#number(client, run);
    if (this.#stage !== COMMITTED && !outbox.isClosed) commits.watch(outbox);
    outbox.add(run);
  }

  /** The run ends at `end`, and nothing stands in its way: it is written without having been in the outbox. */
  #writeRun(client: BatchClient, end: number): void {
    const run = this.#run;
    run.bytes = this.#replies.output.bytes;
    run.end = end;
    if (client.outbox.isLink) this.#number(client, run);
    client.outbox.write(run, this.#replies.block);
    run.count = 0;
  }

  /** Gives the run its header. */
  #number(client: BatchClient, run: ReplyRun): void {
    const header = this.#header;
    header.firstRequest = run.firstRequest = client.requestNumber;
    header.count = run.count;
    header.byteLength = run.byteLength - RUN_HEADER_BYTES;
    writeRunHeader(run.bytes, run.start, header);
    client.requestNumber = (client.requestNumber + run.count) >>> 0;
  }

  /** The batch is over: what may leave leaves. */
  #end(client: BatchClient): void {
    const { output } = this.#replies;
    const run = this.#run;
    if (run.count === 0) output.length = run.start;
    else if (this.#stage === COMMITTED && client.outbox.isIdle) this.#writeRun(client, output.length);
    else this.#closeRun(client, output.length);
    // A larger buffer is there for a large request, and is not to be kept for having been decoded.
    if (client.buffer.bytes.length > READ_BUFFER_BYTES) {
      for (let i = 0; i < this.#count; i++) this.#requests[i]!.request.settle();
    }
    this.#replies.giveBack();
    client.outbox.flush();
  }

  /** Goes on with the request whose beginning the client's own decoder has seen. */
  #takeDecoder(client: BatchClient): void {
    const first = this.#requests[0]!;
    this.#services.decoders.give(first.request);
    first.request = client.decoder!;
    client.decoder = undefined;
  }

  #leaveDecoder(client: BatchClient, decoded: DecodedRequest): void {
    client.decoder = decoded.request;
    client.decoder.settle();
    decoded.request = this.#services.decoders.take();
  }
}
