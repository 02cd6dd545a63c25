/**
 * Arrays of argument offsets, which grow as arguments arrive and never because a client announces many. A connection
 * that has sent nothing has none.
 */

const OFFSETS_MIN = 16;
/** An array longer than this is given back after the request that needed it. */
const OFFSETS_KEEP = 1024;
const NO_OFFSETS = new Int32Array(0);

export function newOffsets(): Int32Array {
  return NO_OFFSETS;
}

/** `offsets` with twice the room. */
export function grownOffsets(offsets: Int32Array): Int32Array {
  const larger = new Int32Array(Math.max(OFFSETS_MIN, offsets.length * 2));
  larger.set(offsets);
  return larger;
}

/** Whether `offsets` has grown beyond what a connection may keep. */
export function isTooLarge(offsets: Int32Array): boolean {
  return offsets.length > OFFSETS_KEEP;
}
