/** The window over a file: every byte once, in order, whatever its reader leaves and however little a read gives. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { KIB, MIB } from "../../src/core/limits.ts";
import type { DiskFile } from "../../src/io/disk.ts";
import { FileWindow } from "../../src/persistence/file_window.ts";
import { settle } from "./test_node.ts";
import { assertProperty } from "../support/property.ts";

/** Made once, for all files: every one is a beginning of it. */
const LONGEST_CONTENT = Uint8Array.from({ length: 5 * MIB }, (_, i) => (i * 7 + (i >>> 8)) & 0xff);

/** A file of which only reading is there. */
class ReadFile implements Pick<DiskFile, "read" | "close"> {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly #perRead: number;
  at = 0;
  isClosed = false;
  failure: Error | null = null;

  constructor(length: number, perRead: number) {
    this.content = LONGEST_CONTENT.subarray(0, length);
    this.#perRead = perRead;
  }

  async read(buffer: Uint8Array<ArrayBuffer>): Promise<number> {
    await Promise.resolve();
    assert(!this.isClosed, "nothing is read of a closed file");
    if (this.failure !== null) throw this.failure;
    const count = Math.min(buffer.length, this.#perRead, this.content.length - this.at);
    buffer.set(this.content.subarray(this.at, this.at + count));
    this.at += count;
    return count;
  }

  close(): void {
    this.isClosed = true;
  }
}

function windowOf(file: ReadFile, offset = 0): FileWindow {
  file.at = offset;
  return new FileWindow(file as unknown as DiskFile, offset);
}

Deno.test("FileWindow shows every byte of a file once, in order and with its offset, for any reader", async () => {
  const takes = fc.array(fc.integer({ min: 1, max: 3 * MIB }), { minLength: 1, maxLength: 12 });
  await assertProperty(
    fc.asyncProperty(takes, fc.constantFrom(64 * KIB, 300 * KIB, 4 * MIB), async (sizes, perRead) => {
      const file = new ReadFile(5 * MIB, perRead);
      const window = windowOf(file);
      let at = 0;
      for (let i = 0; at < file.content.length; i++) {
        const wanted = Math.min(sizes[i % sizes.length]!, file.content.length - at);
        while (window.end - window.start < wanted) assert(await window.fill());
        assertEquals(window.offsetOf(window.start), at);
        const [first, last] = [window.bytes[window.start], window.bytes[window.start + wanted - 1]];
        assertEquals([first, last], [file.content[at], file.content[at + wanted - 1]]);
        window.start += wanted;
        at += wanted;
      }
      assert(!await window.fill() && !await window.fill() && window.isEmpty);
      await window.close();
    }),
    { numRuns: 30 },
  );
});

Deno.test("FileWindow keeps what is not consumed, to the byte, across buffers", async () => {
  for (const taken of [0, 1, MIB - 128 * KIB, MIB - 1, MIB]) {
    const file = new ReadFile(3 * MIB, MIB);
    const window = windowOf(file, 5);
    await window.fill();
    window.start += taken;
    while (await window.fill());
    assertEquals(window.bytes.slice(window.start, window.end), file.content.slice(5 + taken));
    assertEquals(window.offsetOf(window.start), 5 + taken);
    await window.close();
  }
});

Deno.test("FileWindow reads the next chunk while the present one is looked at", async () => {
  const file = new ReadFile(4 * MIB, MIB);
  const window = windowOf(file);
  await window.fill();
  await settle();
  assertEquals([window.end - window.start, file.at], [1 * MIB, 2 * MIB]);
  await window.close();
});

Deno.test("FileWindow tells of a failed read when its bytes are asked for, and closes the file all the same", async () => {
  const file = new ReadFile(4 * MIB, MIB);
  const window = windowOf(file);
  file.failure = new Error("I/O error");
  await settle();
  await assertRejects(() => window.fill(), Error, "I/O error");
  await window.close();
  assert(file.isClosed);
});

Deno.test("FileWindow closes its file only when nothing is being read any more", async () => {
  const file = new ReadFile(4 * MIB, MIB);
  await windowOf(file).close();
  assert(file.isClosed);
  await settle();
});
