/** The machine's disk, in a folder of its own. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { clearImmediate, setImmediate } from "node:timers";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { MIB } from "../../src/core/limits.ts";
import { DenoDisk } from "../../src/io/deno_disk.ts";
import { replaceFile } from "../../src/io/disk.ts";

const DISK_URL = new URL("../../src/io/deno_disk.ts", import.meta.url).href;
/** Holds the lock named by its argument until it is killed. */
const HOLDER = `
  import { DenoDisk } from "${DISK_URL}";
  await new DenoDisk().lock(Deno.args[0], Deno.args[0].replace(/\\/[^/]*$/, ""));
  console.log("held");
  setInterval(() => {}, 1000);
`;
/** Tries to take the lock, says how that went, and ends. */
const SEEKER = `
  import { DenoDisk } from "${DISK_URL}";
  try {
    await new DenoDisk().lock(Deno.args[0], Deno.args[0].replace(/\\/[^/]*$/, ""));
    console.log("taken");
  } catch (error) {
    console.log(error.name + " " + error.message);
  }
  Deno.exit(0);
`;
/** Any use of it that writes fails: there is no room on it. */
const FULL = "/dev/full";

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "roundel_disk_" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function spawn(script: string, path: string): Deno.ChildProcess {
  const url = `data:application/typescript,${encodeURIComponent(script)}`;
  const args = ["run", "--no-prompt", "-A", url, path];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
}

async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let more = true; more && !text.includes("\n");) {
    const { value, done } = await reader.read();
    text += value ?? "";
    more = !done;
  }
  await reader.cancel();
  return text.split("\n")[0]!;
}

async function* chunksOf(...texts: string[]): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(100);
  for (const text of texts) {
    const bytes = bytesOf(text);
    buffer.set(bytes);
    yield buffer.subarray(0, bytes.length);
    buffer.fill(0); // the chunk is free for reuse once the next is asked for
  }
}

Deno.test("A file is written, read, moved in and cut", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    const file = await disk.create(`${folder}/a`);
    file.writeSync(bytesOf("hello "));
    await file.write(bytesOf("world"));
    await file.sync();
    await file.truncate(8);
    await file.seek(2);
    const buffer = new Uint8Array(100);
    assertEquals(textOf(buffer, 0, await file.read(buffer)), "llo wo");
    assertEquals(await file.read(buffer), 0);
    file.close();
    assertEquals(await disk.size(`${folder}/a`), 8);
    const again = await disk.open(`${folder}/a`);
    await again.write(bytesOf("J"));
    again.close();
    assertEquals(textOf(await disk.readFile(`${folder}/a`)), "Jello wo");
  });
});

Deno.test("A file that exists is not created, and one that does not is not opened", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    (await disk.create(`${folder}/a`)).close();
    await assertRejects(() => disk.create(`${folder}/a`), Deno.errors.AlreadyExists);
    await assertRejects(() => disk.open(`${folder}/b`), Deno.errors.NotFound);
    assertEquals([await disk.exists(`${folder}/a`), await disk.exists(`${folder}/b`)], [true, false]);
  });
});

Deno.test("A large file is written whole, in whatever pieces the system takes it", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    const bytes = new Uint8Array(5_000_000).map((_, i) => i * 7);
    const file = await disk.create(`${folder}/a`);
    await file.write(bytes);
    file.writeSync(bytes);
    file.close();
    const content = await disk.readFile(`${folder}/a`);
    assertEquals(content.length, 2 * bytes.length);
    assert(content.every((byte, i) => byte === bytes[i % bytes.length]));
  });
});

Deno.test("A write to a full disk fails with the system's code for it", async () => {
  const file = await new DenoDisk().open(FULL);
  try {
    const error = assertThrows(() => file.writeSync(bytesOf("x")), Error, "No space left");
    assertEquals("code" in error && error.code, "ENOSPC");
    const late = await assertRejects(() => file.write(bytesOf("x")), Error, "No space left");
    assertEquals("code" in late && late.code, "ENOSPC");
  } finally {
    file.close();
  }
});

Deno.test("A file is written from a stream of chunks, and anew each time", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    await disk.writeFile(`${folder}/a`, chunksOf("one ", "two ", "three"));
    assertEquals(textOf(await disk.readFile(`${folder}/a`)), "one two three");
    await disk.writeFile(`${folder}/a`, chunksOf("short"));
    await disk.syncFile(`${folder}/a`);
    assertEquals(textOf(await disk.readFile(`${folder}/a`)), "short");
  });
});

Deno.test("Each chunk of a large file is asked for in a turn of the event loop of its own", async () => {
  await withFolder(async (folder) => {
    let turns = 0;
    let next = setImmediate(function count() {
      turns++;
      next = setImmediate(count);
    });
    const turnsAtChunk: number[] = [];
    async function* chunks(): AsyncIterable<Uint8Array<ArrayBuffer>> {
      for (let i = 0; i < 20; i++) {
        turnsAtChunk.push(turns);
        yield bytesOf("chunk");
      }
    }
    await new DenoDisk().writeFile(`${folder}/a`, chunks());
    clearImmediate(next);
    assertEquals(new Set(turnsAtChunk.slice(1)).size, 19);
  });
});

Deno.test("Chunks of a file may all come in the same bytes, which are written anew once the next is asked for", async () => {
  await withFolder(async (folder) => {
    const [count, length] = [1_000, 30 * 1024];
    const bytes = new Uint8Array(length);
    await new DenoDisk().writeFile(`${folder}/a`, {
      async *[Symbol.asyncIterator]() {
        for (let i = 1; i <= count; i++) yield await Promise.resolve(bytes.fill(i % 251));
      },
    });
    const written = await Deno.readFile(`${folder}/a`);
    assertEquals(written.length, count * length);
    assertEquals(written.findIndex((byte, at) => byte !== (1 + Math.floor(at / length)) % 251), -1);
  });
});

Deno.test("A large file is written without garbage beside it, for which the collector would hold up the loop", async () => {
  await withFolder(async (folder) => {
    const bytes = new Uint8Array(256 * 1024);
    const before = Deno.memoryUsage().external;
    let most = 0;
    await new DenoDisk().writeFile(`${folder}/a`, {
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < 200; i++) {
          most = Math.max(most, Deno.memoryUsage().external - before);
          yield await Promise.resolve(bytes);
        }
      },
    });
    assert(most < 4 * bytes.length, `${most}`);
  });
});

Deno.test("A large file is synced every few megabytes while it is written, so that no sync is a long one", async () => {
  await withFolder(async (folder) => {
    const { syncData } = Deno.FsFile.prototype;
    let syncCount = 0;
    Deno.FsFile.prototype.syncData = function () {
      syncCount++;
      return syncData.call(this);
    };
    const chunk = new Uint8Array(MIB);
    async function* chunks(): AsyncIterable<Uint8Array<ArrayBuffer>> {
      for (let i = 0; i < 20; i++) yield await Promise.resolve(chunk);
    }
    try {
      await new DenoDisk().writeFile(`${folder}/a`, chunks());
    } finally {
      Deno.FsFile.prototype.syncData = syncData;
    }
    assertEquals(syncCount, 5);
  });
});

Deno.test("A stream of chunks that fails lets the writing fail with its own error", async () => {
  await withFolder(async (folder) => {
    async function* failing(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield bytesOf("one");
      throw new RangeError("no more");
    }
    await assertRejects(() => new DenoDisk().writeFile(`${folder}/a`, failing()), RangeError, "no more");
  });
});

Deno.test("Folders are made, listed in order and synced; files are renamed, replaced and removed", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    await disk.makeDirectory(`${folder}/x/y`);
    await disk.makeDirectory(`${folder}/x/y`);
    for (const name of ["c", "a", "b"]) await disk.writeFile(`${folder}/x/y/${name}`, chunksOf(name));
    await disk.rename(`${folder}/x/y/c`, `${folder}/x/y/a`);
    await disk.remove(`${folder}/x/y/b`);
    await replaceFile(disk, `${folder}/x/y/d`, bytesOf("new"));
    await disk.syncDirectory(`${folder}/x/y`);
    assertEquals(await disk.list(`${folder}/x/y`), ["a", "d"]);
    assertEquals(textOf(await disk.readFile(`${folder}/x/y/a`)), "c");
    await assertRejects(() => disk.list(`${folder}/nowhere`), Deno.errors.NotFound);
  });
});

Deno.test("A lock that another process holds is refused by its name and that process, until it dies", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/node.lock`;
    const holder = spawn(HOLDER, path);
    assertEquals(await firstLine(holder), "held");
    const seeker = spawn(SEEKER, path);
    const answer = await firstLine(seeker);
    await seeker.status;
    assert(
      answer.startsWith(`RefusalError Cannot use data folder ${folder}: another process holds its lock`),
      answer,
    );
    assert(answer.includes(`${path} and ${folder} (process ${holder.pid})`), answer);
    holder.kill("SIGKILL");
    await holder.status;
    const lock = await new DenoDisk().lock(path, folder);
    assertEquals(await Deno.readTextFile(path), `${Deno.pid}\n`);
    lock.release();
    (await new DenoDisk().lock(path, folder)).release();
  });
});

Deno.test("A lock in a folder that is not there rejects with the system's error", async () => {
  await assertRejects(() => new DenoDisk().lock("/nowhere/at/all.lock", "/nowhere/at"), Deno.errors.NotFound);
});

Deno.test("A lock holds when its file is removed", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/node.lock`;
    const lock = await new DenoDisk().lock(path, folder);
    await Deno.remove(path);
    const seeker = spawn(SEEKER, path);
    const answer = await firstLine(seeker);
    await seeker.status;
    assert(answer.includes(`another process holds its lock ${path} and ${folder}`), answer);
    lock.release();
  });
});

Deno.test("Files and folders are made for their owner only", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    await disk.makeDirectory(`${folder}/x/y`);
    (await disk.create(`${folder}/a`)).close();
    await replaceFile(disk, `${folder}/b`, bytesOf("new"));
    const lock = await disk.lock(`${folder}/c`, folder);
    lock.release();
    const modeOf = async (name: string) => (await Deno.stat(`${folder}/${name}`)).mode! & 0o777;
    assertEquals(await Promise.all(["x", "x/y"].map(modeOf)), [0o700, 0o700]);
    assertEquals(await Promise.all(["a", "b", "c"].map(modeOf)), [0o600, 0o600, 0o600]);
  });
});

Deno.test("A large file that is replaced or removed stays whole under another name, and for whoever has it open", async () => {
  await withFolder(async (folder) => {
    const disk = new DenoDisk();
    const large = new Uint8Array(13 * MIB).fill(7);
    for (const name of ["a", "b"]) await replaceFile(disk, `${folder}/${name}`, large);
    await Deno.link(`${folder}/a`, `${folder}/backup`);
    using reader = await Deno.open(`${folder}/b`);
    await replaceFile(disk, `${folder}/a`, bytesOf("new"));
    await disk.remove(`${folder}/b`);
    assertEquals([await disk.size(`${folder}/backup`), (await reader.stat()).size], [
      large.length,
      large.length,
    ]);
  });
});
