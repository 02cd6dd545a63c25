/** Which of the processes above a cluster wait for it, and which only started it. */
import { assertEquals } from "@std/assert";
import { launchersAmong } from "../../src/io/launchers.ts";

/** Processes from the parent upwards, all of group 9 unless told otherwise. */
function launchers(...commands: (string | [command: string, groupId: number])[]): string[] {
  const ancestors = commands.map((entry, i) => {
    const [command, groupId] = typeof entry === "string" ? [entry, 9] : entry;
    return { pid: 100 + i, groupId, command };
  });
  return launchersAmong(ancestors, 9).map((pid) => ancestors[pid - 100]!.command);
}

const TASK = "/n/node_modules/@deno/linux-x64-glibc/deno task cluster";
const NODE = "node /root/.npm/_npx/1/node_modules/.bin/deno task cluster";
const SHELL = "sh -c deno task cluster";
const NPM = "npm exec deno@2.9.6 task cluster";

Deno.test("Every link of the chain that npx makes is watched, and not the shell that the command was typed into", () => {
  assertEquals(launchers(TASK, NODE, SHELL, NPM, ["-bash", 5]), [TASK, NODE, SHELL, NPM]);
  assertEquals(launchers(TASK, ["bash", 5], "init"), [TASK]);
});

Deno.test("A shell that waits is watched, one that has put the command into the background is not", () => {
  for (
    const waits of [
      "cd x && deno task cluster",
      "deno task cluster 2>&1 | tee log",
      "deno task cluster &> log",
    ]
  ) {
    assertEquals(launchers(TASK, `bash -c ${waits}`), [TASK, `bash -c ${waits}`]);
  }
  for (const leaves of ["deno task cluster &", "nohup deno task cluster </dev/null & sleep 1"]) {
    assertEquals(launchers(TASK, `bash -c ${leaves}`), [TASK]);
  }
});

Deno.test("A script, a supervisor and a session of its own are not watched", () => {
  assertEquals(launchers(TASK, "bash ./start.sh"), [TASK]);
  assertEquals(launchers(TASK, "/usr/bin/python3 -c run(['deno','task','cluster'])"), [TASK]);
  assertEquals(launchers(["/sbin/init", 1]), []);
  assertEquals(launchers([TASK, 8]), []);
});
