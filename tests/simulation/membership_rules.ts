/**
 * More of the safety rules of shards with several copies: who may join the in-sync set, and when one stops waiting for who leaves
 * it; who may lead; what a copy says that it has. Each with a way to switch it off, as in replication_rules.ts.
 */
import { KIND_BEGIN_ANEW, type Mutation } from "../../src/core/mutation.ts";
import { RecoveredStores } from "../../src/node/recovered_stores.ts";
import { ShardCopy } from "../../src/node/shard_copy.ts";
import { Leadership } from "../../src/replication/leadership.ts";
import { PeerProgress } from "../../src/replication/peer_progress.ts";
import { Receiver } from "../../src/replication/receiver.ts";
import type { Topology, TopologyShard } from "../../src/topology/topology.ts";
import { FileTopologyStore } from "../../src/topology/topology_file.ts";
import { replace, replaceGetter } from "./replace.ts";
import type { Rule } from "./rules.ts";

const fixed = { nodeCount: 3, replicas: 1, safetyMs: 2_000 };

/** Copies whose progress `leadership` keeps. */
function peersOf(leadership: Leadership): PeerProgress[] {
  return leadership.places() as PeerProgress[];
}

/** Changes what a primary proposes. */
function breakProposals(
  by: (
    leadership: Leadership,
    own: ReturnType<Leadership["proposals"]>,
  ) => ReturnType<Leadership["proposals"]>,
): () => void {
  const { proposals } = Leadership.prototype;
  return replace(Leadership.prototype, "proposals", function (this: Leadership, nowMs: number) {
    const changed = by(this, proposals.call(this, nowMs));
    this.look(nowMs);
    return changed;
  });
}

export const MEMBERSHIP_RULES: readonly Rule[] = [
  {
    name: "a primary stops waiting for a member only when it has adopted the set without it",
    seed: 5,
    fixed,
    breakRule: () =>
      breakProposals((leadership, { join, leave }) => {
        const peers = peersOf(leadership);
        for (const peer of peers) if (leave.includes(peer.id)) peer.isCounted = false;
        return { join, leave: peers.filter((peer) => peer.isMember && !peer.isCounted).map(({ id }) => id) };
      }),
  },
  {
    name: "a copy that was proposed is waited for until the outcome is known",
    seed: null,
    fixed,
    breakRule: () =>
      breakProposals((leadership, own) => {
        for (const peer of peersOf(leadership)) {
          if (own.join.includes(peer.id)) peer.isCounted = peer.isProposed = false;
        }
        return own;
      }),
  },
  {
    name: "commits wait for a copy before it is proposed",
    seed: null,
    fixed,
    breakRule: () => {
      const { mayBeCounted } = PeerProgress.prototype;
      const fit = new WeakSet<PeerProgress>();
      const mendCounting = replace(
        PeerProgress.prototype,
        "mayBeCounted",
        function (this: PeerProgress, last: number, nowMs: number): boolean {
          if (mayBeCounted.call(this, last, nowMs) && this.acknowledged >= last) fit.add(this);
          else fit.delete(this);
          return false;
        },
      );
      const mendProposals = breakProposals((leadership, { leave }) => ({
        join: peersOf(leadership).filter((peer) => !peer.isMember && fit.has(peer)).map(({ id }) => id),
        leave,
      }));
      return () => {
        mendProposals();
        mendCounting();
      };
    },
  },
  {
    name: "a copy has acknowledged all from before it was waited for when it is proposed",
    seed: 42,
    isSlow: true,
    fixed,
    breakRule: () => {
      const mendCounting = replace(
        PeerProgress.prototype,
        "mayBeCounted",
        function (this: PeerProgress): boolean {
          return this.acknowledged >= 0;
        },
      );
      const mendProposals = breakProposals((leadership, { leave }) => {
        const joining = peersOf(leadership).filter((peer) => !peer.isMember && peer.isCounted);
        for (const peer of joining) peer.isProposed = true;
        return { join: joining.map(({ id }) => id), leave };
      });
      return () => {
        mendProposals();
        mendCounting();
      };
    },
  },
  {
    name: "only a member of the in-sync set may lead",
    seed: null,
    fixed: { ...fixed, replicas: 2 },
    breakRule: () => {
      const { save } = FileTopologyStore.prototype;
      let before: readonly TopologyShard[] = [];
      return replace(
        FileTopologyStore.prototype,
        "save",
        function (this: FileTopologyStore, next: Topology, expectedVersion: number): Promise<boolean> {
          next.shards.forEach((shard, number) => {
            const former = before[number];
            if (former === undefined || former.primary === shard.primary) return;
            const stray = shard.replicas.find((id) => id !== former.primary && !former.inSync.includes(id));
            if (stray === undefined) return;
            const replicas = [shard.primary, ...shard.replicas].filter((id) => id !== stray);
            Object.assign(shard, { primary: stray, replicas, inSync: [stray] });
          });
          before = next.shards;
          return save.call(this, next, expectedVersion);
        },
      );
    },
  },
  {
    name: "a copy with another history is emptied before it is filled",
    seed: null,
    fixed,
    breakRule: () => {
      const { apply } = RecoveredStores.prototype;
      return replace(
        RecoveredStores.prototype,
        "apply",
        function (this: RecoveredStores, mutation: Mutation): void {
          if (mutation.kind !== KIND_BEGIN_ANEW) apply.call(this, mutation);
        },
      );
    },
  },
  {
    name: "a copy acknowledges records once they are durable",
    seed: 67,
    fixed,
    breakRule: () => {
      const { receive } = Receiver.prototype;
      return replace(Receiver.prototype, "receive", function (this: Receiver, bytes, start, end) {
        const received = receive.call(this, bytes, start, end);
        received.position = 0;
        return received;
      });
    },
  },
  {
    name: "a copy says where it stands once that is durable",
    seed: null,
    fixed: { ...fixed, safetyMs: 6_000 },
    breakRule: () => replaceGetter<ShardCopy, number>(ShardCopy.prototype, "position", () => () => 0),
  },
];
