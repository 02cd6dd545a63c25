/**
 * The slot of a key, by the rules of Redis Cluster, so that cluster-aware clients agree with us: CRC-16 of the key
 * modulo 16,384. When the key holds a tag, the bytes between its first `{` and the first `}` behind that, and
 * the tag is not empty, only the tag counts; so that keys that belong together can share a slot.
 */
import { crc16 } from "./crc16.ts";
import { SLOT_COUNT } from "./limits.ts";

const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Slot of the key `bytes[start, end)`: 0 … 16,383. */
export function slotOfKey(bytes: Uint8Array, start: number, end: number): number {
  const crc = crc16(bytes, start, end, OPEN);
  return (crc >= 0 ? crc : crcOfTag(bytes, start, end)) & (SLOT_COUNT - 1);
}

/** CRC-16 of the tag in a key that has an `{`; of the whole key when it holds no tag. */
function crcOfTag(bytes: Uint8Array, start: number, end: number): number {
  let open = start;
  while (bytes[open] !== OPEN) open++;
  let close = open + 1;
  while (close < end && bytes[close] !== CLOSE) close++;
  return close < end && close > open + 1 ? crc16(bytes, open + 1, close) : crc16(bytes, start, end);
}
