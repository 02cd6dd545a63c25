/** What a node is made to do while its event loop is watched: everything that is large, or comes all at once. */
import { VALUE_BYTES_MAX } from "../../src/core/limits.ts";
import { RespClient } from "../../tests/support/resp_client.ts";
import { fill } from "../versus/loader.ts";
import { REQUESTS } from "./requests.ts";

export interface Deed {
  readonly name: string;
  /** Longest time for which it may hold the loop; `null` where there is no goal. */
  readonly goalMs: number | null;
  /** What has to be there beforehand; not watched. */
  prepare?(node: DeedTarget): Promise<void>;
  run(node: DeedTarget): Promise<void>;
}

export interface DeedTarget {
  readonly port: number;
  readonly client: RespClient;
  readonly entryCount: number;
  readonly expiringCount: number;
}

const GOAL_MS = 5;
const VALUE_BYTES = 64;
const LOOK_INTERVAL_MS = 100;
const EXPIRES_IN_MS = 500;
const KEYS_PER_REQUEST = 500;

/** In the order in which they are done, each on what the one before has left. */
export const DEEDS: readonly Deed[] = [
  {
    name: "load all entries into an empty node",
    goalMs: GOAL_MS,
    run: ({ port, entryCount }) => fill({ port, entryCount, valueBytes: VALUE_BYTES, protocol: "redis" }),
  },
  ...REQUESTS,
  { name: "dump them", goalMs: GOAL_MS, run: ({ client }) => expect(client, "OK", "SAVE") },
  {
    name: "dump them while they are written anew",
    goalMs: GOAL_MS,
    run: async ({ port, client, entryCount }) => {
      const writing = fill({ port, entryCount: entryCount / 4, valueBytes: VALUE_BYTES, protocol: "redis" });
      await expect(client, "OK", "SAVE");
      await writing;
    },
  },
  { name: "FLUSHALL", goalMs: GOAL_MS, run: ({ client }) => expect(client, "OK", "FLUSHALL") },
  {
    name: "expire many keys at one instant",
    goalMs: GOAL_MS,
    prepare: setExpiring,
    run: async ({ client }) => {
      while (await client.call("DBSIZE") !== "0") await wait(LOOK_INTERVAL_MS);
    },
  },
  {
    name: "set a value of the largest size",
    goalMs: null,
    run: ({ client }) => expect(client, "OK", "SET", "large", new Uint8Array(VALUE_BYTES_MAX)),
  },
  {
    name: "get it",
    goalMs: null,
    run: async ({ client }) => {
      await client.send(["GET", "large"]);
      await client.receive();
    },
  },
  { name: "dump it", goalMs: null, run: ({ client }) => expect(client, "OK", "SAVE") },
  { name: "delete it", goalMs: GOAL_MS, run: ({ client }) => expect(client, "1", "DEL", "large") },
];

/** Sets keys that all end at the same moment, which is just ahead. */
async function setExpiring({ client, expiringCount }: DeedTarget): Promise<void> {
  const value = new Uint8Array(VALUE_BYTES);
  const deadlineMs = String(Date.now() + EXPIRES_IN_MS + expiringCount / 50);
  for (let first = 0; first < expiringCount; first += KEYS_PER_REQUEST) {
    const count = Math.min(KEYS_PER_REQUEST, expiringCount - first);
    const requests = Array.from(
      { length: count },
      (_, i) => ["SET", `e:${first + i}`, value, "PXAT", deadlineMs],
    );
    await client.send(...requests);
    for (let i = 0; i < count; i++) await client.receive();
  }
  const left = Number(await client.call("DBSIZE"));
  if (left !== expiringCount) {
    throw new Error(`Cannot expire at one instant: ${left} of ${expiringCount} keys are left`);
  }
  while (Date.now() < Number(deadlineMs) - EXPIRES_IN_MS / 2) await wait(LOOK_INTERVAL_MS);
}

async function expect(
  client: RespClient,
  expected: string,
  ...request: (string | Uint8Array)[]
): Promise<void> {
  const answer = await client.call(...request);
  if (answer !== expected) throw new Error(`Cannot go on: the node answers ${request[0]} with ${answer}`);
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
