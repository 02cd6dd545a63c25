/** The log's frames: what is sealed is read at its place, and nothing else is. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LOG_FRAME_BYTES, LOG_FRAME_HEADER_BYTES } from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { FrameBuffer } from "../../src/persistence/frame_buffer.ts";
import {
  checksumFrames,
  decodeFrame,
  endOfFrame,
  FRAME_BAD,
  FRAME_INCOMPLETE,
  FrameView,
  openFrame,
  peekFrame,
  sealFrame,
} from "../../src/persistence/log_frame.ts";
import { assertProperty } from "../support/property.ts";

const POSITION = 0x0708090a0b;
const SALT = 0xfeedbeef;

/** A frame at {@linkcode POSITION} with `content` for records. */
function frameOf(content: Uint8Array, synced: number, more: boolean): OutputBuffer {
  const output = new OutputBuffer(1);
  openFrame(output, POSITION);
  output.copy(content);
  sealFrame(output, 0, synced, more);
  checksumFrames(output.bytes, 0, output.length, SALT);
  return output;
}

const CONTENT = fc.uint8Array({ maxLength: 300 });

Deno.test("A frame is decoded as it was sealed", () => {
  const view = new FrameView(SALT);
  assertProperty(
    fc.property(CONTENT, fc.nat(POSITION), fc.boolean(), (content, synced, more) => {
      const { bytes, length } = frameOf(content, synced, more);
      assertEquals(decodeFrame(view, POSITION, bytes, 0, length), length);
      assertEquals({ ...view }, { salt: SALT, position: POSITION, synced, more });
      assertEquals([endOfFrame(bytes, 0), peekFrame(bytes, 0, length)], [length, length]);
      assertEquals(bytes.slice(LOG_FRAME_HEADER_BYTES, length), content);
    }),
    { numRuns: 200 },
  );
});

Deno.test("A frame that is cut short anywhere is incomplete", () => {
  const { bytes, length } = frameOf(new Uint8Array(30), 0, false);
  for (let end = 0; end < length; end++) {
    assertEquals(decodeFrame(new FrameView(SALT), POSITION, bytes, 0, end), FRAME_INCOMPLETE);
  }
});

Deno.test("A frame with any bit flipped, or at another place of the log, is never taken for a frame", () => {
  assertProperty(
    fc.property(CONTENT, fc.nat(), (content, at) => {
      const { bytes, length } = frameOf(content, 5, false);
      assertEquals(decodeFrame(new FrameView(SALT), POSITION + 1, bytes, 0, length), FRAME_BAD);
      bytes[Math.floor(at / 8) % length]! ^= 1 << (at % 8);
      assert(decodeFrame(new FrameView(SALT), POSITION, bytes, 0, length) < 0);
    }),
    { numRuns: 500 },
  );
});

Deno.test("A frame of another segment, or with a checksum that anybody could compute, is never taken for a frame", () => {
  const { bytes, length } = frameOf(new Uint8Array(30), 5, false);
  assertEquals(decodeFrame(new FrameView(SALT + 1), POSITION, bytes, 0, length), FRAME_BAD);
  checksumFrames(bytes, 0, length, 0);
  assertEquals(decodeFrame(new FrameView(SALT), POSITION, bytes, 0, length), FRAME_BAD);
});

Deno.test("A frame of impossible length, or that says that later frames were on the disk before it, is bad despite its checksum", () => {
  const { bytes, length } = frameOf(new Uint8Array(3), POSITION + 1, false);
  assertEquals(decodeFrame(new FrameView(SALT), POSITION, bytes, 0, length), FRAME_BAD);
  for (const [at, byte] of [[4, 16], [7, 0x7f]] as const) {
    const frame = frameOf(new Uint8Array(0), 0, false);
    frame.bytes[at] = byte;
    assertEquals(peekFrame(frame.bytes, 0, frame.length), FRAME_BAD);
  }
});

Deno.test("Zeros are no frame", () => {
  assertEquals(decodeFrame(new FrameView(SALT), 0, new Uint8Array(100), 0, 100), FRAME_BAD);
});

Deno.test("A frame's bytes on disk never change meaning", () => {
  const { bytes, length } = frameOf(Uint8Array.of(0xaa), 0x0102, true);
  const hex = Array.from(bytes.subarray(0, length), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  assertEquals(
    hex,
    "86 de 2c c3 12 00 00 00 0b 0a 09 08 07 00 00 00 02 01 00 00 00 00 00 00 01 aa",
  );
});

/** Lengths of the frames' content, each with `+` where the next frame goes on with the same request. */
function framesOf(buffer: FrameBuffer): string[] {
  const view = new FrameView(SALT);
  const frames: string[] = [];
  checksumFrames(buffer.bytes, 0, buffer.length, SALT);
  for (let at = 0; at < buffer.length;) {
    const end = decodeFrame(view, at, buffer.bytes, at, buffer.length);
    assert(end > 0);
    frames.push(`${end - at - LOG_FRAME_HEADER_BYTES}${view.more ? "+" : ""}`);
    at = end;
  }
  return frames;
}

/** Appends records of `lengths` bytes as one request's. */
function request(buffer: FrameBuffer, lengths: readonly number[]): void {
  for (const length of lengths) {
    if (!buffer.isOpen) buffer.open(buffer.length, 0);
    buffer.output.copy(new Uint8Array(length));
  }
  buffer.endRequest(0);
}

Deno.test("A frame ends with the request that makes it long, and a long request goes on in the next", () => {
  const buffer = new FrameBuffer();
  request(buffer, [10, 20]);
  request(buffer, [30]);
  request(buffer, [LOG_FRAME_BYTES]);
  request(buffer, [1]);
  request(buffer, [LOG_FRAME_BYTES, 2, LOG_FRAME_BYTES, LOG_FRAME_BYTES, 3]);
  request(buffer, [4]);
  buffer.seal(0);
  const long = LOG_FRAME_BYTES;
  assertEquals(framesOf(buffer), [
    `${60 + long}`,
    `${1 + long}+`,
    `${2 + long}+`,
    `${long}+`,
    "7",
  ]);
});
