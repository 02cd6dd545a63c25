/**
 * The absolute effect of a write on one shard, or a turn in its history: what a store tells its listener, what the log keeps, and what recovery
 * applies. One object travels the whole way and is filled again for each mutation, so none is kept beyond the call
 * that brings it; its bytes are valid that long, too.
 */

/** `key` now has `value` until `expiresAtMs`. */
export const KIND_SET = 1;
/** `key` is gone: deleted, evicted or expired. */
export const KIND_DELETE = 2;
/** `key` keeps its value and now lasts until `expiresAtMs`. */
export const KIND_EXPIRE = 3;
/** Every key of the shard is gone, in all databases. */
export const KIND_FLUSH = 4;
/** The shard's copy is empty, and its history begins anew behind (`epoch`, `sequence`), from which it will be filled. */
export const KIND_BEGIN_ANEW = 8;
/** Epoch `epoch` begins after `sequence`, which is that of the mutation before. */
export const KIND_BEGIN_EPOCH = 9;
/** An entry that was there when the copy began anew, as it is now: as a set, but no mutation of the shard. */
export const KIND_FILL = 10;
/** The copy that began anew has everything that the shard has. */
export const KIND_FILLED = 11;

/** Type of a value: a string of bytes. Never renumbered either. */
export const TYPE_STRING = 1;

/** Place in a node's own log, in bytes since it was made: behind a mutation's record, or 0 before the first. */
export type Position = number;

const NO_BYTES = new Uint8Array(0);

export class Mutation {
  /** One of the kinds above, which are those of the records on the disk: never renumbered. */
  kind = 0;
  shard = 0;
  epoch = 0;
  sequence = 0;
  /** Database of the key. */
  database = 0;
  /** Type of the value; of a set or fill. */
  type = TYPE_STRING;
  /** The key is `keyBytes[keyStart, keyEnd)`; of a set, fill, delete or expire. */
  keyBytes: Uint8Array = NO_BYTES;
  keyStart = 0;
  keyEnd = 0;
  /** The value is `valueBytes[valueStart, valueEnd)`; of a set or fill. */
  valueBytes: Uint8Array = NO_BYTES;
  valueStart = 0;
  valueEnd = 0;
  /** Milliseconds since 1970; 0 = for ever. Of a set, fill or expire. */
  expiresAtMs = 0;

  /** The key is `bytes[start, end)`. */
  setKey(bytes: Uint8Array, start: number, end: number): void {
    this.keyBytes = bytes;
    this.keyStart = start;
    this.keyEnd = end;
  }

  /** The value is `bytes[start, end)`. */
  setValue(bytes: Uint8Array, start: number, end: number): void {
    this.valueBytes = bytes;
    this.valueStart = start;
    this.valueEnd = end;
  }

  /** Lets go of the bytes: for who keeps a mutation to use it again, and not what the last one was about. */
  release(): void {
    this.keyBytes = this.valueBytes = NO_BYTES;
  }
}
