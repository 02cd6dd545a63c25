/** The data folder is made and checked before it is used. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const PROGRAM = `
  import { requireFolder } from "${new URL("../../src/io/permissions.ts", import.meta.url).href}";
  try {
    requireFolder(Deno.args[0], "src/node.ts");
    console.log("usable");
  } catch (error) {
    console.log(error.name + ": " + error.message);
  }
`;

/** What `requireFolder` says of `path` in a process that may use `granted`. */
async function verdict(folder: string, path: string, granted: string): Promise<string> {
  const program = `${folder}/program.ts`;
  await Deno.writeTextFile(program, PROGRAM);
  const grants = [`--allow-read=${granted}`, `--allow-write=${granted}`];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", `--config=${ROOT}deno.json`, ...grants, program, path],
    cwd: folder,
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("A missing data folder is made, with its parents", () =>
  withFolder(async (folder) => {
    assertEquals(await verdict(folder, "a/b/c", "."), "usable");
    assertEquals((await Deno.stat(`${folder}/a/b/c`)).isDirectory, true);
    assertEquals(await verdict(folder, "a/b/c", "."), "usable");
  }));

Deno.test("A data folder can be made by a process that may touch nothing but the folder", () =>
  withFolder(async (folder) => {
    assertEquals(await verdict(folder, `${folder}/a/b`, `${folder}/a/b`), "usable");
    assertEquals((await Deno.stat(`${folder}/a/b`)).isDirectory, true);
  }));

Deno.test("A data folder without permission is refused with what would grant it", () =>
  withFolder(async (folder) => {
    const text = await verdict(folder, "../elsewhere", ".");
    assertStringIncludes(
      text,
      "RefusalError: Cannot use data folder ../elsewhere: this process has no permission",
    );
    assertStringIncludes(
      text,
      'run src/node.ts with "--allow-read=../elsewhere" "--allow-write=../elsewhere"',
    );
  }));

Deno.test("A data folder that is a file, or lies below one, is refused", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    for (const path of ["file", "file/below"]) {
      assertStringIncludes(
        await verdict(folder, path, "."),
        `RefusalError: Cannot use data folder ${path}: `,
      );
    }
  }));
