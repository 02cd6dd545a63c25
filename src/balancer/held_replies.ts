/** Replies that came too early, side by side in one buffer: where each lies is kept in two arrays, by the request's place. */
import type { OutputBuffer } from "../core/output_buffer.ts";

/** Start of a reply that is not held. */
export const NOT_HELD = -1;

/** Moves what is held together, to the front of `held`. */
export function moveTogether(held: OutputBuffer, starts: Int32Array, ends: Int32Array): void {
  const places: number[] = [];
  for (let at = 0; at < starts.length; at++) {
    if (starts[at] !== NOT_HELD) places.push(at);
  }
  // In the order in which they lie, nothing is overwritten that is still to be moved.
  places.sort((one, other) => starts[one]! - starts[other]!);
  let length = 0;
  for (const at of places) {
    const start = starts[at]!;
    const end = ends[at]!;
    held.bytes.copyWithin(length, start, end);
    starts[at] = length;
    length += end - start;
    ends[at] = length;
  }
  held.length = length;
}
