/**
 * Who hears of every mutation of a store, in order, at the moment it happens: the log. Evictions and expiries
 * come through here as deletes, so that no way of losing a key can go unlogged.
 */

/**
 * Position in the log behind a mutation's record: grows with each mutation, 0 before the first. A reply that
 * reveals a mutation may leave once the log is committed up to its stamp.
 */
export type Stamp = number;

export interface MutationListener {
  /** `key` now has `value` until `expiresAtMs` (milliseconds since 1970; 0 = for ever). */
  onSet(
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array,
    valueStart: number,
    valueEnd: number,
    expiresAtMs: number,
  ): Stamp;
  onDelete(key: Uint8Array, keyStart: number, keyEnd: number): Stamp;
  /** `key` keeps its value and now lasts until `expiresAtMs` (0 = for ever). */
  onExpire(key: Uint8Array, keyStart: number, keyEnd: number, expiresAtMs: number): Stamp;
  /** Every key is gone. */
  onFlush(): Stamp;
}

/** The newest stamp among everything that was looked at or changed since the pipeline last set it to 0. */
export interface Revealed {
  stamp: Stamp;
}
