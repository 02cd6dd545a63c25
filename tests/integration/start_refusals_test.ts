/** Starts that cannot succeed, as an operating system makes them: one line with place, cause and way out, exit code 3. */
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Runs `script` in namespaces of its own; "$1" is a folder, and "$@" from 2 on is a node without flags. */
async function refused(folder: string, script: string, ...unshare: string[]): Promise<string> {
  const node = [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", `${ROOT}src/node.ts`];
  const { code, stderr, stdout } = await new Deno.Command("unshare", {
    args: [...unshare, "sh", "-c", script, "sh", folder, ...node],
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals([code, stdout.length], [3, 0], text);
  // Log lines begin with the time; there is one more line, and no stack.
  const lines = text.trimEnd().split("\n").filter((line) => !/^\d\d:\d\d:\d\d\.\d{3} /.test(line));
  assertEquals(lines.length, 1, text);
  return lines[0]!;
}

const MOUNTS = ["--user", "--map-root-user", "--mount"];
const START = 'folder=$1; shift; exec "$@" --port 0 --data-dir "$folder/data"';

Deno.test("A node on a mount that is read-only says so", () =>
  withFolder(async (folder) => {
    const mount = 'mount -t tmpfs tmpfs "$1" && mkdir "$1/data" && mount -o remount,ro "$1" || exit 9;';
    assertMatch(
      await refused(folder, `${mount} ${START}`, ...MOUNTS),
      new RegExp(
        `^roundel node: Cannot use ${folder}/data/\\S+: Read-only file system .*; mount it for writing, or`,
      ),
    );
    const empty = 'mount -t tmpfs -o ro tmpfs "$1" || exit 9;';
    assertMatch(
      await refused(folder, `${empty} ${START}`, ...MOUNTS),
      new RegExp(`^roundel node: Cannot use data folder ${folder}/data: Read-only file system .*; mount it`),
    );
  }));

Deno.test("A node whose disk is full at its very first start says so", () =>
  withFolder(async (folder) => {
    const mount = 'mount -t tmpfs -o size=16k tmpfs "$1" && ' +
      'mkdir "$1/data" && (head -c 100000 /dev/zero > "$1/filler" 2> /dev/null; true) || exit 9;';
    assertMatch(
      await refused(folder, `${mount} ${START}`, ...MOUNTS),
      new RegExp(
        `^roundel node: Cannot use \\S.*${folder}/data.*: No space left on device .*; make room on its disk$`,
      ),
    );
  }));

Deno.test("A folder where the node file belongs, a host that is no address, a port that needs a privilege: each is told", () =>
  withFolder(async (folder) => {
    assertMatch(
      await refused(
        folder,
        'mkdir -p "$1/data/node_28911.json"; folder=$1; shift; exec "$@" --port 28911 --data-dir "$folder/data"',
      ),
      new RegExp(
        `Cannot use ${folder}/data/node_28911.json: Is a directory .*; a folder stands where a file of ours`,
      ),
    );
    assertMatch(
      await refused(folder, `${START} --host nosuch.invalid`),
      /^roundel node: Cannot listen on nosuch\.invalid:0: .*; choose a --host that is an address of this machine$/,
    );
    // In a network of its own, where the system's default holds.
    const network = "echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start; folder=$1; shift; " +
      'exec setpriv --inh-caps=-all --bounding-set=-all "$@" --port 80 --host 0.0.0.0 --data-dir "$folder/data"';
    assertMatch(
      await refused(folder, network, "--user", "--map-root-user", "--net"),
      /^roundel node: Cannot listen on 0\.0\.0\.0:80: Permission denied .*ports below 1024: choose a higher one$/,
    );
  }));
