/**
 * CRC-16/XMODEM (polynomial 0x1021, initial value 0), the checksum whose value modulo 16,384 is a key's slot.
 * Source: Redis Cluster specification, appendix A. Two bytes a step, by the method of slicing: the register's two
 * bytes are each looked up by themselves, the first in the table for a byte that another one follows.
 */

const last = new Uint16Array(256);
const lastButOne = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1;
  last[byte] = crc;
}
for (let byte = 0; byte < 256; byte++) lastButOne[byte] = (last[byte]! << 8) ^ last[last[byte]! >>> 8]!;

/** CRC-16 of `bytes[start, end)`: 0 … 65,535; −1 when `unless` is among them (by default nothing is). */
export function crc16(bytes: Uint8Array, start: number, end: number, unless = -1): number {
  let crc = 0;
  let i = start;
  for (; i + 1 < end; i += 2) {
    const first = bytes[i]!;
    const second = bytes[i + 1]!;
    if (first === unless || second === unless) return -1;
    crc = lastButOne[(crc >>> 8) ^ first]! ^ last[(crc & 0xff) ^ second]!;
  }
  if (i === end) return crc;
  if (bytes[i] === unless) return -1;
  return ((crc << 8) ^ last[(crc >>> 8) ^ bytes[i]!]!) & 0xffff;
}
