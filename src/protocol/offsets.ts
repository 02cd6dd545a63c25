/** Arrays of argument offsets, which grow as arguments arrive and never because a client announces many. */

const OFFSETS_MIN = 16;
/** An array longer than this is given back after the request that needed it. */
const OFFSETS_KEEP = 1024;

export function newOffsets(): Int32Array {
  return new Int32Array(OFFSETS_MIN);
}

/** `offsets` with twice the room. */
export function grownOffsets(offsets: Int32Array): Int32Array {
  const larger = new Int32Array(offsets.length * 2);
  larger.set(offsets);
  return larger;
}

/** Whether `offsets` has grown beyond what a connection may keep. */
export function isTooLarge(offsets: Int32Array): boolean {
  return offsets.length > OFFSETS_KEEP;
}
