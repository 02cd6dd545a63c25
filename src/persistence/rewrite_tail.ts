/**
 * Writes the end of a log once more. A process that died may have left records that can be read but are not on the disk
 * itself; and where a sync has failed, the system may have taken their pages for clean, so that no later sync writes
 * them, and a loss of power takes them after all. Whether one has failed nobody knows any more. So everything behind
 * what was surely synced is written again as it was read, before it is synced and built on. A crash meanwhile does no
 * harm: the bytes are the same.
 */
import { MIB, SEGMENT_HEADER_BYTES } from "../core/limits.ts";
import type { Disk } from "../io/disk.ts";
import type { LogEnd } from "./segment.ts";

/** Written at a time. */
const CHUNK_BYTES = 1 * MIB;

/** Writes the last segment again, from `vouched` on; a sync of the file has to follow. */
export async function rewriteTail(disk: Disk, { last, length, vouched }: LogEnd): Promise<void> {
  // The segment was synced as a whole if any of its frames was.
  const from = vouched > last.position ? SEGMENT_HEADER_BYTES + vouched - last.position : 0;
  if (from >= length) return;
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, length - from));
  const file = await disk.open(last.path);
  try {
    for (let at = from; at < length;) {
      await file.seek(at);
      const count = await file.read(buffer.subarray(0, length - at));
      if (count === 0) throw new Error(`${last.path} has become shorter`);
      await file.seek(at);
      await file.write(buffer.subarray(0, count));
      at += count;
    }
  } finally {
    file.close();
  }
}
