/** CRC-32 (IEEE 802.3) of byte ranges, as the log, the dump and the small documents use it. */
import { crc32 as nativeCrc32 } from "node:zlib";

/**
 * CRC-32 of `bytes[start, end)`: 0 … 2³²−1; `salt` is what it begins with, the CRC-32 of what precedes. The native one:
 * 60 ns for 100 bytes.
 */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length, salt = 0): number {
  return nativeCrc32(bytes.subarray(start, end), salt);
}
