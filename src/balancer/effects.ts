/** What requests read and change, as far as their order can show: one small integer for each that is under way. */
import { SLOT_COUNT } from "../core/limits.ts";

/** A slot, read; or, with {@linkcode WRITES}, changed; or one of those below. */
export type Effect = number;

const WRITES = SLOT_COUNT;
/** Nothing that nodes keep. */
export const NO_EFFECT: Effect = -1;
/** Several slots. */
const SEVERAL_READ: Effect = -2;
const SEVERAL_WRITTEN: Effect = -3;

/** Of a request about the keys of `slot`. */
export function effectOn(slot: number, isWrite: boolean): Effect {
  return isWrite ? slot | WRITES : slot;
}

/** Of a request about keys of several slots, or about all of them. */
export function effectOnSeveral(isWrite: boolean): Effect {
  return isWrite ? SEVERAL_WRITTEN : SEVERAL_READ;
}

/** Whether the order of two requests with these effects cannot be seen. */
export function areIndependent(one: Effect, other: Effect): boolean {
  if (one === NO_EFFECT || other === NO_EFFECT) return true;
  if (!isWrite(one) && !isWrite(other)) return true;
  return one >= 0 && other >= 0 && (one & ~WRITES) !== (other & ~WRITES);
}

/** The slot that `effect` is about; −1 when that is not one. */
export function slotOfEffect(effect: Effect): number {
  return effect < 0 ? -1 : effect & ~WRITES;
}

function isWrite(effect: Effect): boolean {
  return effect === SEVERAL_WRITTEN || (effect >= 0 && (effect & WRITES) !== 0);
}
