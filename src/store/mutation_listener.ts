/**
 * Who hears of every mutation of a store, in order, at the moment it happens: the log. Evictions and expiries
 * come through here as deletes, so that no way of losing a key can go unlogged.
 */
import type { Mutation, Position } from "../core/mutation.ts";

export interface MutationListener {
  /**
   * `mutation` has happened, of kind set, delete, expire or flush; whose shard and place in its history are is for the
   * listener to say. Returns the position behind its record: a reply that reveals the mutation may leave once the log
   * is committed up to there.
   */
  onMutation(mutation: Mutation): Position;
}
