/**
 * A network without sockets that allocates nothing itself once it runs, so that what is left on the heap is the
 * server's. A driven client sends its next batch of bytes each time it was answered; a canned node answers requests,
 * all of one length, by the number of their bytes, with the same reply each.
 */
import { assert } from "../../src/core/assert.ts";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { ReplyScanner } from "../../src/protocol/reply_scanner.ts";
import type { Address, Connection, Listener, Network } from "../../src/io/network.ts";
import { RUN_HEADER_BYTES, type RunHeader, writeRunHeader } from "../../src/protocol/link_run.ts";

/** Promises of the counts of bytes that writes took; in steady state they repeat. */
const written = new Map<number, Promise<number>>();

function allOf(bytes: Uint8Array): Promise<number> {
  let promise = written.get(bytes.length);
  if (promise === undefined) written.set(bytes.length, promise = Promise.resolve(bytes.length));
  return promise;
}

/** What a server reads from and writes to: the one client, which sends its batches again and again. */
export class DrivenClient implements Connection {
  readonly remote = "127.0.0.1:1";
  #batches: readonly Uint8Array[] = [];
  #batch: Uint8Array = new Uint8Array(0);
  #sentBytes = 0;
  #batchesLeft = 0;
  #depth = 0;
  #repliesLeft = 0;
  readonly #scanner = new ReplyScanner();
  #turn = 0;
  #room: Uint8Array | null = null;
  #deliver: ((count: number | null) => void) | null = null;
  #finish: (() => void) | null = null;
  readonly #connected = Promise.withResolvers<Connection>();
  /** Promises of counts that came before; a server in steady state reads the same count each time. */
  readonly #counts = new Map<number, Promise<number>>();

  /** Resolves to the client when it connects: with its first run, when the server has started. */
  get connected(): Promise<Connection> {
    return this.#connected.promise;
  }

  /**
   * Sends `count` of `batches`, of `depth` requests each, in turn, each once the one before was answered; resolves after
   * the last answer.
   */
  run(batches: readonly Uint8Array[], count: number, depth: number): Promise<void> {
    assert(this.#batchesLeft === 0, "one run at a time");
    this.#depth = depth;
    this.#batches = batches;
    this.#batchesLeft = count;
    this.#next();
    const finished = new Promise<void>((resolve) => this.#finish = resolve);
    this.#give();
    this.#connected.resolve(this);
    return finished;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#sentBytes < this.#batch.length) {
      const count = this.#send(buffer);
      let promise = this.#counts.get(count);
      if (promise === undefined) this.#counts.set(count, promise = Promise.resolve(count));
      return promise;
    }
    this.#room = buffer;
    return new Promise((resolve) => this.#deliver = resolve);
  }

  /** When the server, which reads on meanwhile, has answered all of a batch, the next one is sent. */
  write(bytes: Uint8Array): Promise<number> {
    this.#repliesLeft -= this.#countReplies(bytes);
    assert(this.#repliesLeft >= 0, "one reply for a request");
    if (this.#repliesLeft > 0) return allOf(bytes);
    if (--this.#batchesLeft > 0) {
      this.#next();
      this.#give();
    } else {
      this.#finish?.();
      this.#finish = null;
    }
    return allOf(bytes);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#deliver?.(null);
    this.#deliver = null;
  }

  /** Gives bytes to the read that waits for some. */
  #give(): void {
    const deliver = this.#deliver;
    this.#deliver = null;
    deliver?.(this.#send(this.#room!));
  }

  /** Replies in `bytes`, which are whole: a server writes no part of one. */
  #countReplies(bytes: Uint8Array): number {
    let count = 0;
    for (let at = 0; at < bytes.length; count++) {
      at = this.#scanner.scan(bytes, at, bytes.length);
      assert(at > 0, "a server writes whole replies");
    }
    return count;
  }

  #next(): void {
    this.#batch = this.#batches[this.#turn++ % this.#batches.length]!;
    this.#repliesLeft = this.#depth;
    this.#sentBytes = 0;
  }

  #send(buffer: Uint8Array): number {
    const batch = this.#batch;
    const from = this.#sentBytes;
    const count = Math.min(batch.length - from, buffer.length);
    if (count === batch.length) buffer.set(batch);
    else buffer.set(batch.subarray(from, from + count));
    this.#sentBytes = from + count;
    return count;
  }
}

/** The answers that a canned node gives. */
export interface Canned {
  requestBytes: number;
  reply: Uint8Array;
}

/** A node for a balancer: answers the handshake, and once it is a link everything from the can, in runs. */
class CannedNode implements Connection {
  readonly remote: string;
  readonly #canned: Canned;
  readonly #replies = new Uint8Array(256 * 1024);
  #replyBytes = 0;
  #room: Uint8Array | null = null;
  #deliver: ((count: number | null) => void) | null = null;
  #isClosed = false;
  readonly #run: RunHeader = { firstRequest: 0, count: 0, byteLength: 0 };

  constructor(address: Address, canned: Canned) {
    this.remote = `${address.host}:${address.port}`;
    this.#canned = canned;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#isClosed) return Promise.resolve(null);
    if (this.#replyBytes > 0) return Promise.resolve(this.#take(buffer));
    this.#room = buffer;
    return new Promise((resolve) => this.#deliver = resolve);
  }

  write(bytes: Uint8Array): Promise<number> {
    const { requestBytes, reply } = this.#canned;
    if (requestBytes === 0) this.#answer(this.#handshake(textOf(bytes, 0, bytes.length)));
    else {
      assert(bytes.length % requestBytes === 0, "a balancer sends whole requests");
      this.#beginRun(bytes.length / requestBytes, reply.length);
      for (let i = this.#run.count; i > 0; i--) this.#answer(reply);
    }
    const deliver = this.#deliver;
    this.#deliver = null;
    deliver?.(this.#take(this.#room!));
    return allOf(bytes);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#isClosed = true;
    this.#deliver?.(null);
    this.#deliver = null;
  }

  #answer(reply: Uint8Array): void {
    this.#replies.set(reply, this.#replyBytes);
    this.#replyBytes += reply.length;
  }

  #take(buffer: Uint8Array): number {
    const count = this.#replyBytes;
    assert(count <= buffer.length, "a balancer has room for what it asked");
    for (let i = 0; i < count; i++) buffer[i] = this.#replies[i]!;
    this.#replyBytes = 0;
    return count;
  }

  #beginRun(count: number, replyBytes: number): void {
    const run = this.#run;
    run.firstRequest = (run.firstRequest + run.count) >>> 0;
    run.count = count;
    run.byteLength = count * replyBytes;
    writeRunHeader(this.#replies, this.#replyBytes, run);
    this.#replyBytes += RUN_HEADER_BYTES;
  }

  #handshake(request: string): Uint8Array {
    if (!request.includes("IDENTITY")) return bytesOf("+OK\r\n");
    const json = JSON.stringify({
      id: this.remote,
      cluster: null,
      version: 0,
      maxMemoryBytes: 256 * 1024 * 1024,
      entries: 0,
      standalone: false,
    });
    return bytesOf(`$${json.length}\r\n${json}\r\n`);
  }
}

/** Listens for the one client, and connects to canned nodes. */
export class DrivenNetwork implements Network {
  readonly client = new DrivenClient();
  /** Handshakes are answered while `requestBytes` is 0. */
  readonly canned: Canned = { requestBytes: 0, reply: new Uint8Array(0) };

  listen({ host, port }: Address): Listener {
    let isAccepted = false;
    let end: (() => void) | null = null;
    return {
      host,
      port,
      accept: () => {
        if (isAccepted) return new Promise((resolve) => end = () => resolve(null));
        isAccepted = true;
        return this.client.connected;
      },
      close: () => end?.(),
    };
  }

  connect(address: Address): Promise<Connection> {
    return Promise.resolve(new CannedNode(address, this.canned));
  }
}
