/** What befalls the processes. Each fault says which shards it hits, at the moment before it begins. */
import { type Random, randomBelow } from "../../src/core/random.ts";
import { killPid } from "../support/processes.ts";
import { pick, sleep } from "../support/random_choice.ts";
import { cut, type Direction } from "./cuts.ts";
import { NODE_COUNT, type Stage } from "./stage.ts";

export interface Hit {
  readonly led: readonly number[];
  readonly followed: readonly number[];
}

export interface Fault {
  /** How often it comes before all the others have come. */
  readonly share: number;
  readonly needsCuts?: true;
  /** Whether the bounds of how long keys may be without an answer hold: nodes are hit, and the balancer is not. */
  readonly isBounded: boolean;
  /** Calls `hits` just before it begins. */
  inject(stage: Stage, random: Random, hits: (hit: Hit) => void): Promise<void>;
}

const STOP_MS = 10_000;
/** A fail-over takes no longer than this, mostly. */
const FAILOVER_MS = 1_500;
const CUT_MS_MIN = 3_000;
const CUT_MS_MAX = 8_000;
const DIRECTIONS: readonly Direction[] = ["both", "to the dialler", "to the listener"];

export const FAULTS: Readonly<Record<string, Fault>> = {
  "kill-node": {
    share: 3,
    isBounded: true,
    inject: (stage, random, hits) => {
      const node = drawNode(random);
      hits(hitOf(stage, node));
      stage.kill(stage.nodePid(node));
      return Promise.resolve();
    },
  },
  "stop-node": {
    share: 1,
    isBounded: true,
    inject: async (stage, random, hits) => {
      const node = drawNode(random);
      const pid = stage.nodePid(node);
      hits(hitOf(stage, node));
      killPid(pid, "SIGSTOP");
      await sleep(STOP_MS);
      killPid(pid, "SIGCONT");
    },
  },
  "kill-balancer": {
    share: 1,
    isBounded: false,
    inject: async (stage, random, hits) => {
      hits(hitOfAll(stage));
      stage.kill(stage.nodePid(drawNode(random)));
      await sleep(randomBelow(random, FAILOVER_MS));
      stage.kill(stage.balancerPid);
    },
  },
  "kill-all": {
    share: 1,
    isBounded: false,
    inject: async (stage, random, hits) => {
      hits(hitOfAll(stage));
      if (randomBelow(random, 2) === 0) {
        stage.kill(stage.nodePid(drawNode(random)));
        await sleep(randomBelow(random, FAILOVER_MS));
      }
      await stage.crash();
    },
  },
  "cut-balancer": {
    share: 1,
    needsCuts: true,
    isBounded: true,
    inject: async (stage, random, hits) => {
      const node = drawNode(random);
      const line = { diallerPid: stage.balancerPid, listenerPort: stage.nodePort(node) };
      hits(hitOf(stage, node));
      await cut([line], pick(DIRECTIONS, random), drawCutMs(random));
    },
  },
  "cut-peers": {
    share: 1,
    needsCuts: true,
    isBounded: true,
    inject: async (stage, random, hits) => {
      const from = drawNode(random);
      const to = (from + 1 + randomBelow(random, NODE_COUNT - 1)) % NODE_COUNT;
      const lines = [[from, to], [to, from]].map(([dialler, listener]) => ({
        diallerPid: stage.nodePid(dialler!),
        listenerPort: stage.nodePort(listener!),
      }));
      const direction = pick(DIRECTIONS, random);
      hits({ led: [], followed: sharedBy(stage, [from, to]) });
      await cut(direction === "both" ? lines : lines.slice(0, 1), direction, drawCutMs(random));
    },
  },
};

function drawNode(random: Random): number {
  return randomBelow(random, NODE_COUNT);
}

function drawCutMs(random: Random): number {
  return CUT_MS_MIN + randomBelow(random, CUT_MS_MAX - CUT_MS_MIN);
}

function hitOf(stage: Stage, node: number): Hit {
  const { shards } = stage.topology;
  const id = idOf(stage, node);
  const which = (isHit: (shard: typeof shards[number]) => boolean) =>
    [...shards.entries()].filter(([, shard]) => isHit(shard)).map(([number]) => number);
  return {
    led: which(({ primary }) => primary === id),
    followed: which(({ primary, replicas }) => primary !== id && replicas.includes(id)),
  };
}

function hitOfAll(stage: Stage): Hit {
  return { led: [...stage.topology.shards.keys()], followed: [] };
}

/** Shards that have a copy on each of `nodes`. */
function sharedBy(stage: Stage, nodes: readonly number[]): number[] {
  const hits = nodes.map((node) => hitOf(stage, node)).map(({ led, followed }) => [...led, ...followed]);
  return hits[0]!.filter((shard) => hits.every((hit) => hit.includes(shard)));
}

function idOf(stage: Stage, node: number): string {
  return stage.topology.nodes.find(({ port }) => port === stage.nodePort(node))!.id;
}
