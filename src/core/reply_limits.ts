/** Bounds of replies that are long, or take long. All others, of which these follow, are in `limits.ts`. */
import { assert } from "./assert.ts";
import { KIB, MIB, OUTPUT_BYTES_HIGH, REPLY_BYTES_MAX } from "./limits.ts";

/** A reply of this length is long: at a node it waits for room in memory for such … */
export const LONG_REPLY_BYTES_MIN = OUTPUT_BYTES_HIGH;
/** … which is this much in all. */
export const LONG_REPLIES_BYTES = REPLY_BYTES_MAX + 1 * MIB;
/** Of a reply that is not its values, mostly: the length of each, and line breaks. */
export const LONG_REPLY_FRAMING_BYTES = 256 * KIB;
/** Replies of all clients of a node that are not yet written, long ones included. */
export const NODE_REPLY_BUDGET_BYTES = LONG_REPLIES_BYTES + 32 * MIB;
/** A KEYS that has found more than this goes on when it is its turn: what it finds takes memory, beside its reply. */
export const KEYS_BYTES_AT_ONCE = 64 * KIB;

assert(LONG_REPLY_FRAMING_BYTES < LONG_REPLY_BYTES_MIN, "a long reply is mostly values");
assert(
  LONG_REPLIES_BYTES >= REPLY_BYTES_MAX + LONG_REPLY_FRAMING_BYTES,
  "the longest reply is made when there is no other",
);
