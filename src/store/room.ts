/** Whether a store can take what it is told to without giving up anything by itself, as a copy that follows has to. */
import { KIND_FILL, KIND_SET, type Mutation } from "../core/mutation.ts";
import { blocksOfPayload } from "./entry_layout.ts";
import { BLOCK_COST_BYTES, type Store } from "./store.ts";

/** Whether `mutation` can be applied to `store` with nothing evicted. The key is looked up only where room is short. */
export function hasRoomFor(store: Store, mutation: Mutation): boolean {
  const { kind, keyBytes, keyStart, keyEnd, valueStart, valueEnd } = mutation;
  if (kind !== KIND_SET && kind !== KIND_FILL) return true;
  const blocks = blocksOfPayload(keyEnd - keyStart + valueEnd - valueStart);
  const freeBlocks = Math.floor(store.capBytes / BLOCK_COST_BYTES) - store.liveBytes / BLOCK_COST_BYTES;
  if (blocks <= freeBlocks) return true;
  const row = store.find(store.hashOf(keyBytes, keyStart, keyEnd), keyBytes, keyStart, keyEnd, 0);
  const blocksBefore = row === 0 ? 0 : blocksOfPayload(store.keyLength(row) + store.valueLength(row));
  return blocks <= freeBlocks + blocksBefore;
}
