/**
 * Safety rules of shards with several copies (DESIGN.md, "How copies agree"), each with a way to switch it off. Where a rule is
 * kept in several places of one class, it is switched off at its door.
 */
import { GRACE_MS } from "../../src/core/limits.ts";
import { Leadership } from "../../src/replication/leadership.ts";
import type { Acknowledgement } from "../../src/replication/led_shard.ts";
import { PositionRing } from "../../src/replication/position_ring.ts";
import { type ShardPlace, ShardRole } from "../../src/replication/shard_role.ts";
import type { Topology } from "../../src/topology/topology.ts";
import { FileTopologyStore } from "../../src/topology/topology_file.ts";
import { replace, replaceGetter } from "./replace.ts";
import type { Rule } from "./rules.ts";

const fixed = { nodeCount: 3, replicas: 1, safetyMs: 2_000 };
/** Of rules for which a run has to go on for longer. */
const longer = { nodeCount: 3, replicas: 1 };

export const REPLICATION_RULES: readonly Rule[] = [
  {
    name: "a primary answers only under leases from every other member",
    seed: 14,
    fixed,
    breakRule: () =>
      replaceGetter<ShardRole, number>(
        ShardRole.prototype,
        "servesUntilMs",
        (former) =>
          function (this: ShardRole): number {
            return this.leadership?.isOpen ? Number.MAX_VALUE : former.call(this);
          },
      ),
  },
  {
    name: "a new primary waits until the one before it answers no more",
    seed: null,
    fixed: longer,
    breakRule: () => {
      const { acknowledged } = Leadership.prototype;
      return replace(
        Leadership.prototype,
        "acknowledged",
        function (this: Leadership, id: string, acknowledgement: Acknowledgement, nowMs: number): void {
          acknowledged.call(this, id, acknowledgement, nowMs + GRACE_MS);
        },
      );
    },
  },
  {
    name: "whoever knows a newer epoch refuses an older one",
    seed: null,
    fixed: longer,
    breakRule: () => {
      const { refusalOf } = ShardRole.prototype;
      return replace(ShardRole.prototype, "refusalOf", function (this: ShardRole, epoch: number): number {
        return this.isPrimary ? refusalOf.call(this, epoch) : 0;
      });
    },
  },
  {
    name: "a mutation is committed when every counted copy has acknowledged it",
    seed: 2,
    fixed,
    breakRule: () =>
      replace(PositionRing.prototype, "push", function (this: PositionRing): void {
        this.skip();
      }),
  },
  {
    name: "a topology is saved before anybody is told of it",
    seed: null,
    fixed: longer,
    breakRule: () => {
      const { save } = FileTopologyStore.prototype;
      return replace(
        FileTopologyStore.prototype,
        "save",
        function (this: FileTopologyStore, next: Topology, expectedVersion: number): Promise<boolean> {
          save.call(this, next, expectedVersion).catch(() => {});
          return Promise.resolve(true);
        },
      );
    },
  },
  {
    name: "a copy is proposed for the in-sync set once commits wait for it and it has all from before that",
    seed: 3,
    fixed,
    breakRule: () => {
      const { proposals } = Leadership.prototype;
      return replace(Leadership.prototype, "proposals", function (this: Leadership, nowMs: number) {
        const others = this.places().filter(({ isMember }) => !isMember).map(({ id }) => id);
        return { join: this.isOpen ? others : [], leave: proposals.call(this, nowMs).leave };
      });
    },
  },
  {
    name: "a new run of a primary's process never goes on in its epoch",
    seed: 31,
    fixed: longer,
    isSlow: true,
    breakRule: () => {
      const { resume } = ShardRole.prototype;
      return replace(ShardRole.prototype, "resume", function (this: ShardRole, place: ShardPlace): void {
        if (!place.isPrimary) return resume.call(this, place);
        resume.call(this, { ...place, isPrimary: false });
        this.adopt(place, 0);
      });
    },
  },
];
