/**
 * The streams of a node: from each shard that it leads to each node that keeps another copy of it. A node that leads
 * nothing that others keep has none, and pays nothing.
 */
import type { Clock, Timer } from "../core/clock.ts";
import { BEAT_MS } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Mutation } from "../core/mutation.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";
import type { Network } from "../io/network.ts";
import type { Log } from "../persistence/log.ts";
import { encodeRecord } from "../persistence/record.ts";
import type { LedShard } from "./led_shard.ts";
import { LogIndex } from "./log_index.ts";
import { type OwnIdentity, Peer, type PeerAddress, type PeerOptions } from "./peer.ts";
import { ChunkPool } from "./record_queue.ts";
import { ShardStream } from "./stream.ts";

export type { PeerAddress } from "./peer.ts";

interface SendersOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: Log;
  /** Who this node is, as of now. */
  readonly identity: () => OwnIdentity;
  /** The time of day by which keys expire here. */
  readonly timeMs: () => number;
  /** The run of this node's process. */
  readonly run: string;
}

export class Senders {
  readonly #options: PeerOptions;
  readonly #index: LogIndex;
  readonly #peers = new Map<string, Peer>();
  /** By shard. */
  readonly #streams: (ShardStream[] | undefined)[] = [];
  #linkNumber = 0;
  #beats: Timer | null = null;
  /** Links that are being closed. */
  readonly #stopping = new Set<Promise<void>>();

  constructor(options: SendersOptions) {
    this.#index = new LogIndex(options.log);
    this.#options = {
      ...options,
      index: this.#index,
      pool: new ChunkPool(),
      nextLinkNumber: () => ++this.#linkNumber,
    };
  }

  /**
   * From now on the records of `led` go to `peers`, and to nobody else. Called again with each topology; and with another
   * `led` only after {@linkcode Senders.forget}.
   */
  follow(led: LedShard, peers: readonly PeerAddress[]): void {
    const before = this.#streams[led.shard] ?? [];
    const wanted = new Set(peers.map(({ id }) => id));
    for (const stream of before) if (!wanted.has(stream.peerId)) this.#remove(stream);
    const known = new Map(before.map((stream) => [stream.peerId, stream]));
    const streams = this.#streams[led.shard] = peers.map((address) => {
      const peer = this.#peerAt(address);
      const stream = known.get(address.id);
      if (stream !== undefined) return stream;
      const added = new ShardStream(led, peer, this.#options);
      peer.add(added);
      return added;
    });
    for (const stream of streams) if (known.has(stream.peerId)) stream.retry();
    if (streams.length === 0) this.forget(led.shard);
    this.#stopIdle();
  }

  /** This node does not lead `shard` any more. */
  forget(shard: number): void {
    for (const stream of this.#streams[shard] ?? []) this.#remove(stream);
    this.#streams[shard] = undefined;
    this.#index.forget(shard);
    this.#stopIdle();
  }

  /** `mutation` of a shard was just given to the log. One that nobody follows is ignored. */
  appended(mutation: Mutation): void {
    const streams = this.#streams[mutation.shard];
    if (streams === undefined) return;
    this.#index.note(mutation.shard, mutation.sequence);
    let encoded: OutputBuffer | null = null;
    let start = 0;
    for (let i = 0; i < streams.length; i++) {
      const output = streams[i]!.outputFor(mutation);
      if (output === null) continue;
      if (encoded !== null) output.copy(encoded.bytes, start, encoded.length);
      else {
        start = output.length;
        encoded = output;
        encodeRecord(output, mutation);
      }
    }
  }

  /** Closes all links. To be called before the log is closed. */
  async stop(): Promise<void> {
    for (const shard of this.#streams.keys()) this.forget(shard);
    await Promise.all(this.#stopping);
  }

  #remove(stream: ShardStream): void {
    this.#peers.get(stream.peerId)!.remove(stream);
  }

  #peerAt(address: PeerAddress): Peer {
    const known = this.#peers.get(address.id);
    if (known !== undefined) {
      known.moveTo(address);
      return known;
    }
    const peer = new Peer(address, this.#options);
    this.#peers.set(address.id, peer);
    this.#beats ??= this.#options.clock.every(BEAT_MS, () => {
      for (const each of this.#peers.values()) each.beat();
    });
    return peer;
  }

  #stopIdle(): void {
    for (const [id, peer] of this.#peers) {
      if (!peer.isIdle) continue;
      this.#peers.delete(id);
      const stopped = peer.stop();
      this.#stopping.add(stopped);
      void stopped.then(() => this.#stopping.delete(stopped));
    }
    if (this.#peers.size > 0) return;
    this.#beats?.cancel();
    this.#beats = null;
  }
}
