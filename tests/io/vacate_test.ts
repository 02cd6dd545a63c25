/** How the room of large files is given back. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { MIB } from "../../src/core/limits.ts";
import type { DiskFile } from "../../src/io/disk.ts";
import { vacate } from "../../src/io/vacate.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

const PATH = "data/large";

/** Notes what is done to its files. */
class WatchedDisk extends SimulatedDisk {
  readonly deeds: string[] = [];
  failTruncates = false;

  /** One that has a large file. */
  static async withFile(bytes: number): Promise<WatchedDisk> {
    const disk = new WatchedDisk();
    await disk.makeDirectory("data");
    await disk.syncDirectory(".");
    disk.corrupt(PATH, new Uint8Array(bytes));
    return disk;
  }

  override async open(path: string): Promise<DiskFile> {
    const file = await super.open(path);
    const truncate = file.truncate.bind(file);
    const close = file.close.bind(file);
    file.truncate = async (length) => {
      this.deeds.push(`cut to ${length / MIB}`);
      if (this.failTruncates) throw new Error("I/O error");
      await truncate(length);
    };
    file.close = () => {
      this.deeds.push("close");
      close();
    };
    return file;
  }

  /** Takes the name of the large file. */
  readonly unname = async () => {
    await this.remove(PATH);
    await this.syncDirectory("data");
    this.deeds.push("unname");
  };
}

Deno.test("A large file is cut shorter in pieces once its name is gone for good, and closed", async () => {
  const disk = await WatchedDisk.withFile(13 * MIB);
  await vacate(disk, PATH, disk.unname);
  assertEquals(disk.deeds, ["unname", "cut to 9", "cut to 5", "cut to 1", "close"]);
  assertEquals(disk.paths, []);
});

Deno.test("A small file is not cut at all, and one that is not there needs nothing", async () => {
  const disk = await WatchedDisk.withFile(4 * MIB);
  await vacate(disk, PATH, disk.unname);
  assertEquals(disk.deeds, ["unname", "close"]);
  let isRun = false;
  await vacate(disk, PATH, () => {
    isRun = true;
    return Promise.resolve();
  });
  assert(isRun);
});

Deno.test("A file whose name could not be taken stays whole", async () => {
  const disk = await WatchedDisk.withFile(13 * MIB);
  const failing = () => Promise.reject(new RangeError("no"));
  await assertRejects(() => vacate(disk, PATH, failing), RangeError, "no");
  assertEquals([disk.deeds, disk.contentOf(PATH).length], [["close"], 13 * MIB]);
});

Deno.test("A file that cannot be cut is left to the system", async () => {
  const disk = await WatchedDisk.withFile(13 * MIB);
  disk.failTruncates = true;
  await vacate(disk, PATH, disk.unname);
  assertEquals(disk.deeds, ["unname", "cut to 9", "close"]);
});

Deno.test("A loss of power while a file is replaced leaves the old one whole or the new one", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const disk = await WatchedDisk.withFile(9 * MIB);
    disk.corrupt("data/new", new Uint8Array(1));
    const process = disk.process();
    const replacing = vacate(process, PATH, async () => {
      await process.rename("data/new", PATH);
      await process.syncDirectory("data");
    }).catch(() => {}); // the process dies
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    disk.losePower();
    await replacing;
    const { length } = disk.contentOf(PATH);
    assert(length === 9 * MIB || length === 1, `${turns}: ${length}`);
  }
});
