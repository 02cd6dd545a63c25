/**
 * CRC-16/XMODEM (polynomial 0x1021, initial value 0), the checksum whose value modulo 16,384 is a key's slot.
 * Source: Redis Cluster specification, appendix A.
 */

const table = new Uint16Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? (crc << 1) ^ 0x1021 : crc << 1;
  table[byte] = crc;
}

/** CRC-16 of `bytes[start, end)`: 0 … 65,535. */
export function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) {
    crc = ((crc << 8) ^ table[(crc >>> 8) ^ bytes[i]!]!) & 0xffff;
  }
  return crc;
}
