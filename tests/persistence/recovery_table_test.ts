/** Walks the table of decisions: every row has a scenario here, and every scenario ends as its row says. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RefusalError } from "../../src/core/errors.ts";
import {
  EVERYSEC_SYNC_MS,
  KIB,
  LOG_FRAME_BYTES,
  LOG_FRAME_HEADER_BYTES,
  MIB,
  SEGMENT_HEADER_BYTES,
} from "../../src/core/limits.ts";
import { OutputBuffer } from "../../src/core/output_buffer.ts";
import { SeededRandom } from "../support/seeded_random.ts";
import { checksumFrames, openFrame, sealFrame } from "../../src/persistence/log_frame.ts";
import type { FsyncPolicy } from "../../src/persistence/log.ts";
import { RECOVERY_DECISIONS } from "../../src/persistence/recovery_decisions.ts";
import { mutationOf } from "../support/mutations.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";
import {
  append,
  cutTo,
  divideLog,
  fixFrame,
  fixHeader,
  fixLogFrame,
  flipByte,
  frameOffsets,
  logFrameOffsets,
  saltOf,
  setByte,
  shrink,
} from "./corruption.ts";
import { FIRST_SEGMENT, PATHS, SECOND_SEGMENT, settle, TestNode } from "./test_node.ts";

const THIRD_SEGMENT = `${PATHS.logDirectory}/0000000000000003.log`;
/** Header of a dump of two shards. */
const DUMP_HEADER_BYTES = 42 + 2 * (25 + 12) + 4;
const ZEROS = new Uint8Array(5000);
const ALL = { "0/a": "1@0", "0/b": "2@0", "1/c": "3@0", "1/d": "4@0" };
const ALL_BUT_LAST = { "0/a": "1@0", "0/b": "2@0", "1/c": "3@0" };

interface Scenario {
  /** Makes of a folder that {@linkcode filledDisk} has filled what is to be found. */
  readonly prepare: (disk: SimulatedDisk, identity: string) => void | Promise<void>;
  /** What is there after the start, unless that refuses. */
  readonly content?: Record<string, string>;
}

/** Fills a frame of the log. */
const LONG = "x".repeat(LOG_FRAME_BYTES);

/** A folder in which a node has committed a, b, c and d, one request, one record and one frame each. */
async function filledDisk(policy: FsyncPolicy = "always"): Promise<[SimulatedDisk, string]> {
  const disk = new SimulatedDisk();
  const node = await TestNode.start(disk, { policy });
  for (const [shard, key, value] of [[0, "a", "1"], [0, "b", "2"], [1, "c", "3"], [1, "d", "4"]] as const) {
    node.set(shard, key, value);
    await node.commit();
  }
  disk.killProcess();
  cutTo(disk, FIRST_SEGMENT, logFrameOffsets(disk).at(-1)!);
  return [disk, node.recovered.nodeFile.identity.id];
}

/** Adds a dump, and one more record to the log behind it. */
async function addDump(disk: SimulatedDisk): Promise<void> {
  const node = await TestNode.start(disk);
  await node.dump();
  node.delete(1, "d");
  await node.commit();
  await node.stop();
}

/** A scenario in which the dump has suffered. */
function withDump(damage: (disk: SimulatedDisk) => void): Scenario {
  return {
    prepare: async (disk) => {
      await addDump(disk);
      damage(disk);
    },
  };
}

/** A scenario in which one of two segments has suffered; `last` tells which. */
function withTwoSegments(damage: (disk: SimulatedDisk) => void, content = ALL): Scenario {
  return {
    content,
    prepare: (disk, identity) => {
      divideLog(disk, identity, [2, 2]);
      damage(disk);
    },
  };
}

/** Changes a byte of the first segment's last record, the only one of its frame, and makes the checksum right again. */
function changeLastRecord(disk: SimulatedDisk, at: number, byte: number): void {
  const offset = logFrameOffsets(disk).at(-2)!;
  setByte(disk, FIRST_SEGMENT, offset + LOG_FRAME_HEADER_BYTES + at, byte);
  fixLogFrame(disk, FIRST_SEGMENT, offset);
}

function removeFile(path: string): (disk: SimulatedDisk) => Promise<void> {
  return (disk) => disk.remove(path);
}

/** Changes a byte of a header whose checksum is then right again. */
function changeHeader(
  disk: SimulatedDisk,
  path: string,
  at: number,
  headerBytes = SEGMENT_HEADER_BYTES,
): void {
  flipByte(disk, path, at);
  fixHeader(disk, path, headerBytes);
}

function setVersion(disk: SimulatedDisk, path: string, version: number): void {
  setByte(disk, path, VERSION_AT, version);
  fixHeader(disk, path, SEGMENT_HEADER_BYTES);
}

const VERSION_AT = 7;
const IDENTITY_AT = 8;
const EPOCH_AT = 6;
const SEQUENCE_AT = 10;
const KIND_AT = 18;
const SHARD_OF_FRAME_AT = 8;
const TYPE_IN_FRAME_AT = 10 + 15;

const SCENARIOS: Record<string, Scenario> = {
  "data folder: nothing": {
    prepare: async (disk) => {
      for (const path of disk.paths) await disk.remove(path);
    },
    content: {},
  },
  "data folder: empty log without node file": {
    prepare: async (disk) => {
      await disk.remove(PATHS.node);
      shrink(disk, FIRST_SEGMENT, disk.contentOf(FIRST_SEGMENT).length - 30);
    },
    content: {},
  },
  "data folder: log without node file": { prepare: removeFile(PATHS.node) },
  "data folder: dump without node file": {
    prepare: async (disk) => {
      await addDump(disk);
      await disk.remove(PATHS.node);
    },
  },
  "data folder: node file without log": { prepare: removeFile(FIRST_SEGMENT) },

  "dump: good frame": { ...withDump(() => {}), content: ALL_BUT_LAST },
  "dump: bad header": withDump((disk) => flipByte(disk, PATHS.dump, 30)),
  "dump: foreign file": withDump((disk) => changeHeader(disk, PATHS.dump, IDENTITY_AT, DUMP_HEADER_BYTES)),
  // What follows the version is laid out in another way, so that only its name is right.
  "dump: older version": withDump((disk) => setByte(disk, PATHS.dump, VERSION_AT, 3)),
  "dump: unknown version": withDump((disk) => changeHeader(disk, PATHS.dump, VERSION_AT, DUMP_HEADER_BYTES)),
  "dump: bad frame": withDump((disk) => flipByte(disk, PATHS.dump, DUMP_HEADER_BYTES + 34)),
  "dump: unknown entry": withDump((disk) => {
    const [first, second] = frameOffsets(disk, PATHS.dump, DUMP_HEADER_BYTES);
    setByte(disk, PATHS.dump, first! + TYPE_IN_FRAME_AT, 2);
    fixFrame(disk, PATHS.dump, first!, second!);
  }),
  "dump: end missing": withDump((disk) => {
    const [, second, end] = frameOffsets(disk, PATHS.dump, DUMP_HEADER_BYTES);
    shrink(disk, PATHS.dump, end! - second!);
  }),
  "dump: wrong count of entries": withDump((disk) => {
    // The second frame says that its entries are of the first one's shard.
    const [, second, end] = frameOffsets(disk, PATHS.dump, DUMP_HEADER_BYTES);
    setByte(disk, PATHS.dump, second! + SHARD_OF_FRAME_AT, 0);
    fixFrame(disk, PATHS.dump, second!, end!);
  }),
  "dump: bytes behind the end": withDump((disk) => append(disk, PATHS.dump, [0])),

  "earlier segment: good record": withTwoSegments(() => {}),
  "earlier segment: zeros to the end": withTwoSegments((disk) => append(disk, FIRST_SEGMENT, ZEROS)),
  "earlier segment: missing segment": {
    prepare: async (disk, identity) => {
      divideLog(disk, identity, [1, 1, 2]);
      await disk.remove(SECOND_SEGMENT);
    },
  },
  "earlier segment: bad header": withTwoSegments((disk) => flipByte(disk, FIRST_SEGMENT, 30)),
  "earlier segment: foreign file": withTwoSegments((disk) => changeHeader(disk, FIRST_SEGMENT, IDENTITY_AT)),
  "earlier segment: older version": withTwoSegments((disk) => setVersion(disk, FIRST_SEGMENT, 2)),
  "earlier segment: unknown version": withTwoSegments((disk) =>
    changeHeader(disk, FIRST_SEGMENT, VERSION_AT)
  ),
  "earlier segment: bad frame": withTwoSegments((disk) => flipByte(disk, FIRST_SEGMENT, -1)),
  "earlier segment: unknown record": withTwoSegments((disk) => changeLastRecord(disk, KIND_AT, 6)),
  "earlier segment: end missing": withTwoSegments((disk) => {
    cutTo(disk, FIRST_SEGMENT, logFrameOffsets(disk)[1]!);
  }),
  "earlier segment: gap in a shard's sequence": withTwoSegments((disk) =>
    changeLastRecord(disk, SEQUENCE_AT, 9)
  ),
  "earlier segment: older epoch": withTwoSegments((disk) => changeLastRecord(disk, EPOCH_AT, 0)),

  "last segment: good record": { prepare: () => {}, content: ALL },
  "last segment: zeros to the end": { prepare: (disk) => append(disk, FIRST_SEGMENT, ZEROS), content: ALL },
  "last segment: bad header, no records": withTwoSegments((disk) => {
    append(disk, FIRST_SEGMENT, disk.contentOf(SECOND_SEGMENT).slice(SEGMENT_HEADER_BYTES));
    shrink(disk, SECOND_SEGMENT, disk.contentOf(SECOND_SEGMENT).length - 30);
  }),
  "last segment: bad header": withTwoSegments((disk) => flipByte(disk, SECOND_SEGMENT, 30)),
  "last segment: foreign file": withTwoSegments((disk) => changeHeader(disk, SECOND_SEGMENT, IDENTITY_AT)),
  "last segment: older version": withTwoSegments((disk) => setVersion(disk, SECOND_SEGMENT, 2)),
  "last segment: unknown version": withTwoSegments((disk) => changeHeader(disk, SECOND_SEGMENT, VERSION_AT)),
  "last segment: torn frame": { prepare: (disk) => shrink(disk, FIRST_SEGMENT, 1), content: ALL_BUT_LAST },
  "last segment: incomplete request": {
    prepare: async (disk) => {
      const node = await TestNode.start(disk);
      node.set(0, "e", LONG);
      node.set(1, "f", "6");
      await node.commit();
      disk.killProcess();
      cutTo(disk, FIRST_SEGMENT, logFrameOffsets(disk).at(-2)!);
    },
    content: ALL,
  },
  "last segment: unknown record": { prepare: (disk) => changeLastRecord(disk, KIND_AT, 6) },
  "last segment: bad frame that was safe": {
    prepare: (disk) => flipByte(disk, FIRST_SEGMENT, logFrameOffsets(disk)[2]! - 1),
  },
  "last segment: end before the dump's position": withDump((disk) => {
    cutTo(disk, FIRST_SEGMENT, logFrameOffsets(disk)[3]!);
  }),
  "last segment: newest segment missing": {
    prepare: async (disk, identity) => {
      divideLog(disk, identity, [2, 2]);
      await (await TestNode.start(disk)).stop();
      await disk.remove(SECOND_SEGMENT);
    },
  },
  "last segment: end before the stop in order": {
    prepare: async (disk) => {
      await (await TestNode.start(disk)).stop();
      cutTo(disk, FIRST_SEGMENT, logFrameOffsets(disk).at(-2)!);
    },
  },
  "last segment: gap in a shard's sequence": {
    prepare: (disk) => changeLastRecord(disk, SEQUENCE_AT, 9),
  },
  "last segment: older epoch": { prepare: (disk) => changeLastRecord(disk, EPOCH_AT, 0) },
};

/** All files and their contents. */
function filesOf(disk: SimulatedDisk): Record<string, string> {
  return Object.fromEntries(disk.paths.map((path) => [path, disk.contentOf(path).join()]));
}

async function assertRefuses(disk: SimulatedDisk, found: string, advice: string): Promise<void> {
  const filesBefore = filesOf(disk);
  const error = await assertRejects(() => TestNode.start(disk), RefusalError, `: ${found}. ${advice}`);
  assertStringIncludes(error.message, "data/");
  assertEquals(filesOf(disk), filesBefore);
  await assertRejects(() => TestNode.start(disk), RefusalError, found, "the lock is free again");
}

/** Starts, compares, writes, and starts once more: then there is nothing left to tidy up. */
async function assertGoesOn(
  disk: SimulatedDisk,
  content: Record<string, string>,
  warns: boolean,
): Promise<void> {
  const node = await TestNode.start(disk);
  assertEquals(node.model.content(), content);
  assertEquals(node.recovered.warnings.length > 0, warns, node.recovered.warnings.join());
  node.set(0, "new", "5");
  assert(await node.commit());
  disk.losePower();
  const again = await TestNode.start(disk);
  assertEquals(again.model.content(), { ...content, "0/new": "5@0" });
  assertEquals(again.recovered.warnings, []);
  await again.stop();
}

Deno.test("The table of decisions has no two rows alike, and a scenario for each", () => {
  const rows = RECOVERY_DECISIONS.map(({ place, found }) => `${place}: ${found}`);
  assertEquals(Object.keys(SCENARIOS), rows);
});

for (const row of RECOVERY_DECISIONS) {
  const name = `${row.place}: ${row.found}`;
  Deno.test(`Recovery decides to ${row.decision}, when it finds in ${name}`, async () => {
    const { prepare, content } = SCENARIOS[name]!;
    const [disk, identity] = await filledDisk();
    await prepare(disk, identity);
    if (row.decision === "refuse") await assertRefuses(disk, row.found, row.advice);
    else await assertGoesOn(disk, content!, row.decision === "cut");
  });
}

Deno.test("Recovery tells a torn request apart that began in the segment before", async () => {
  const [disk, identity] = await filledDisk();
  const node = await TestNode.start(disk);
  for (const key of ["e", "f", "g"]) node.set(0, key, LONG);
  await node.commit();
  disk.killProcess();
  const [g, end] = logFrameOffsets(disk).slice(-2);
  divideLog(disk, identity, [5, 2]);
  shrink(disk, SECOND_SEGMENT, end! - g!);
  await assertGoesOn(disk, ALL, true);
  assertEquals(disk.paths.filter((path) => path.endsWith(".log")), [FIRST_SEGMENT]);
});

Deno.test("Recovery refuses a bad frame in a segment whose successor was begun", async () => {
  const [disk, identity] = await filledDisk();
  divideLog(disk, identity, [4, 0]);
  shrink(disk, SECOND_SEGMENT, 10);
  shrink(disk, FIRST_SEGMENT, 1);
  await assertRejects(() => TestNode.start(disk), RefusalError, `${FIRST_SEGMENT} at byte`);
});

for (const policy of ["always", "everysec"] as const) {
  Deno.test(`Recovery takes no value that looks like frames for some behind a torn write, with policy ${policy}`, async () => {
    const [disk] = await filledDisk(policy);
    const frames = disk.contentOf(FIRST_SEGMENT).slice(SEGMENT_HEADER_BYTES);
    const node = await TestNode.start(disk, { policy });
    node.log.append(mutationOf({ epoch: 1, sequence: 3, key: "k", value: frames }));
    await node.commit();
    disk.killProcess();
    cutTo(disk, FIRST_SEGMENT, logFrameOffsets(disk).at(-1)! - 1);
    await assertGoesOn(disk, ALL, true);
  });
}

Deno.test("Recovery takes no frame for true that a client has forged in a value, knowing all but the salt", async () => {
  const [disk] = await filledDisk();
  const node = await TestNode.start(disk);
  let sequence = node.sequenceOf(0);
  const set = async (value: Uint8Array) => {
    const frameAt = node.log.appended;
    node.log.append(mutationOf({ epoch: 1, sequence: ++sequence, key: "k", value }));
    await node.commit();
    return frameAt;
  };
  const pattern = new Uint8Array(LOG_FRAME_HEADER_BYTES).fill(0xee);
  const patternFrameAt = await set(pattern);
  const patternAt = disk.contentOf(FIRST_SEGMENT).indexOf(0xee) - SEGMENT_HEADER_BYTES;

  const forged = new OutputBuffer();
  const forgedAt = node.log.appended + patternAt - patternFrameAt;
  openFrame(forged, forgedAt);
  sealFrame(forged, 0, forgedAt, false);
  checksumFrames(forged.bytes, 0, forged.length, 0);
  const frameAt = await set(forged.view());
  disk.killProcess();
  // What a torn write leaves: the first sector is missing, what the client sent is there.
  flipByte(disk, FIRST_SEGMENT, SEGMENT_HEADER_BYTES + frameAt);
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.recovered.warnings.length, 1);
  assertEquals(restarted.log.appended, frameAt);
  await restarted.stop();
});

Deno.test("Recovery cuts off a batch that lost a page in its middle, since no frame behind it says that it was safe", async () => {
  const [disk] = await filledDisk();
  const node = await TestNode.start(disk);
  for (const key of ["e", "f", "g"]) {
    node.set(0, key, LONG);
    node.log.endRequest();
  }
  await node.commit();
  disk.killProcess();
  const [f] = logFrameOffsets(disk).slice(-3);
  flipByte(disk, FIRST_SEGMENT, f! + LOG_FRAME_BYTES / 2);
  await assertGoesOn(disk, { ...ALL, "0/e": `${LONG}@0` }, true);
});

Deno.test("Recovery refuses the same batch once anything was written behind it, or the log was closed in order", async () => {
  for (const writesMore of [true, false]) {
    const [disk] = await filledDisk();
    const node = await TestNode.start(disk);
    node.set(0, "e", "5");
    await node.commit();
    if (writesMore) {
      node.set(0, "f", "6");
      await node.commit();
      disk.killProcess();
    } else await node.stop();
    flipByte(disk, FIRST_SEGMENT, logFrameOffsets(disk)[4]!);
    await assertRejects(() => TestNode.start(disk), RefusalError, "bad frame that was safe");
  }
});

Deno.test("Recovery cuts off a frame that says it stands elsewhere", async () => {
  const [disk] = await filledDisk();
  const frame = new OutputBuffer();
  openFrame(frame, 7);
  sealFrame(frame, 0, 0, false);
  checksumFrames(frame.bytes, 0, frame.length, saltOf(disk.contentOf(FIRST_SEGMENT)));
  append(disk, FIRST_SEGMENT, frame.view());
  await assertGoesOn(disk, ALL, true);
});

Deno.test("Recovery with policy everysec refuses a bad frame that was synced, and cuts off one that was not", async () => {
  for (const isSynced of [true, false]) {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { policy: "everysec" });
    for (const key of ["a", "b", "c"]) {
      if (isSynced && key === "c") node.clock.advance(EVERYSEC_SYNC_MS);
      await settle();
      node.set(0, key, "1");
      await node.commit();
    }
    disk.killProcess();
    flipByte(disk, FIRST_SEGMENT, logFrameOffsets(disk)[1]!);
    if (!isSynced) await assertGoesOn(disk, { "0/a": "1@0" }, true);
    else await assertRejects(() => TestNode.start(disk), RefusalError, "bad frame that was safe");
  }
});

Deno.test("A log that is opened with another policy goes on where it was", async () => {
  const disk = new SimulatedDisk();
  const content: Record<string, string> = {};
  for (const policy of ["everysec", "always", "no", "always"] as const) {
    const node = await TestNode.start(disk, { policy });
    assertEquals(node.model.content(), content);
    const key = `k${Object.keys(content).length}`;
    node.set(0, key, policy);
    await node.commit();
    content[`0/${key}`] = `${policy}@0`;
    if (policy === "no") await node.stop();
    else disk.killProcess();
  }
  const node = await TestNode.start(disk);
  assertEquals([node.log.segmentCount, node.model.content()], [1, content]);
  await node.stop();
});

Deno.test("Recovery removes what a dump had made superfluous when a crash came before that", async () => {
  const [disk, identity] = await filledDisk();
  const node = await TestNode.start(disk);
  await node.dump();
  await node.stop();
  divideLog(disk, identity, [1, 1, 2]);
  await disk.remove(SECOND_SEGMENT);
  await assertGoesOn(disk, ALL, false);
  assertEquals(disk.paths.filter((path) => path.endsWith(".log")), [THIRD_SEGMENT]);
});

Deno.test("Recovery refuses a log that begins after the dump", async () => {
  const [disk, identity] = await filledDisk();
  await addDump(disk);
  divideLog(disk, identity, [4, 2]);
  await disk.remove(FIRST_SEGMENT);
  const node = await TestNode.start(disk);
  assertEquals(node.model.content(), ALL_BUT_LAST);
  await node.stop();
  await disk.remove(PATHS.dump);
  await assertRejects(() => TestNode.start(disk), RefusalError, "missing segment");
});

/** Puts one wrong thing into the dump's first frame, under a checksum that is right. */
async function refusesFrameWith(at: number, byte: number, found: string): Promise<void> {
  const [disk] = await filledDisk();
  await addDump(disk);
  const [first, second] = frameOffsets(disk, PATHS.dump, DUMP_HEADER_BYTES);
  setByte(disk, PATHS.dump, first! + at, byte);
  fixFrame(disk, PATHS.dump, first!, second!);
  await assertRejects(() => TestNode.start(disk), RefusalError, `at byte ${first}: ${found}`);
}

Deno.test("Recovery refuses a dump with entries of a shard that its header does not name, or that reach too far", async () => {
  await refusesFrameWith(SHARD_OF_FRAME_AT, 7, "bad frame");
  const [valueLengthAt, keyLengthAt] = [10 + 8, 10 + 12];
  await refusesFrameWith(valueLengthAt, 200, "bad frame");
  await refusesFrameWith(keyLengthAt, 200, "bad frame");
  // The last entry of the frame loses its value to what is then half an entry.
  await refusesFrameWith(valueLengthAt, 2, "bad frame");
});

Deno.test("Recovery reads a dump whose entries are longer than what is read at a time", async () => {
  const [disk] = await filledDisk();
  const node = await TestNode.start(disk);
  const sizes = [3 * MIB, 1, 200 * KIB, 20 * MIB, 64 * KIB, 1 * MIB];
  for (const [i, size] of sizes.entries()) node.set(i % 2, `large${i}`, `${i}`.repeat(size));
  await node.commit();
  await node.dump();
  const content = node.model.content();
  await node.stop();
  const restarted = await TestNode.start(disk);
  assertEquals(restarted.model.content(), content);
  await restarted.stop();
});

Deno.test("Recovery removes the temporary file of a dump that was never finished", async () => {
  const [disk] = await filledDisk();
  disk.corrupt(`${PATHS.dump}.tmp`, new Uint8Array(10));
  await assertGoesOn(disk, ALL, false);
  assert(!disk.paths.includes(`${PATHS.dump}.tmp`));
});

Deno.test("Recovery refuses a folder whose lock is held", async () => {
  const [disk] = await filledDisk();
  const node = await TestNode.start(disk);
  await assertRejects(() => TestNode.start(disk), RefusalError, "another process holds its lock");
  await node.stop();
  await (await TestNode.start(disk)).stop();
});

Deno.test("Recovery survives a power loss at any moment of a first start", async () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new SeededRandom(seed);
    const disk = new SimulatedDisk();
    const starting = TestNode.start(disk).catch(() => null);
    for (let turns = random.u32() % 60; turns > 0; turns--) await Promise.resolve();
    disk.losePower(random);
    await starting;
    const node = await TestNode.start(disk, { seed: 2 });
    assertEquals(node.model.content(), {}, `seed ${seed}`);
    await node.stop();
  }
});

Deno.test("A start says when the machine was restarted under a node that did not sync each write", async () => {
  for (
    const [policy, end, bootId, warns] of [
      ["everysec", "power loss", "second", true],
      ["no", "power loss", "second", true],
      ["always", "power loss", "second", false],
      ["everysec", "kill", "first", false],
      ["everysec", "stop", "second", false],
    ] as const
  ) {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { policy, bootId: "first" });
    if (end === "stop") await node.stop();
    else if (end === "kill") disk.killProcess();
    else disk.losePower();
    const { recovered, log } = await TestNode.start(disk, { policy, bootId });
    assertEquals(recovered.warnings.length, warns ? 1 : 0, `${policy} ${end}`);
    await log.close();
  }
});

Deno.test("Recovery removes no segment before the next one, whose first sync had failed, is safe", async () => {
  for (let turns = 0; turns < 200; turns++) {
    const disk = new SimulatedDisk();
    const node = await TestNode.start(disk, { segmentBytes: 300 });
    for (const key of ["a", "b"]) {
      node.set(0, key, "x".repeat(50));
      await node.commit();
    }
    await node.dump();
    disk.failSyncs = new Error("I/O error");
    node.set(0, "c", "x".repeat(200));
    assertEquals(await node.commit(), false);
    assert(disk.paths.includes(SECOND_SEGMENT));
    disk.killProcess();
    disk.failSyncs = null;
    const starting = TestNode.start(disk).catch(() => {}); // the process dies
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    disk.losePower();
    await starting;
    const restarted = await TestNode.start(disk);
    assertEquals(Object.keys(restarted.model.content()), ["0/a", "0/b"], `${turns} turns`);
    await restarted.stop();
  }
});
