/**
 * System calls per request, counted by strace on a real node and a real balancer. One connection, so that the counts
 * do not depend on who meets whom: at 1 deep each request pays all the calls there are, at 16 deep sixteen share
 * them. strace slows every call, so the loads are small; that does not change how many there are.
 */
import { start, withFolder } from "../../tests/support/processes.ts";
import { runLoad } from "../support/load.ts";
import { CALL_KINDS, callsOf, countsByKind } from "./strace_summary.ts";

const VALUE = "v".repeat(64);
const WARM_UP_REQUESTS = 3_000;
/** By depth; a few hundred turns of the loop each. */
const REQUESTS: readonly (readonly [number, number])[] = [[1, 600], [16, 9_600]];

interface Command {
  readonly name: string;
  request(i: number): string[];
}

const keyOf = (i: number) => `key:${String(i % 10_000).padStart(12, "0")}`;
const SET: Command = { name: "SET", request: (i) => ["SET", keyOf(i), VALUE] };
const GET: Command = { name: "GET", request: (i) => ["GET", keyOf(i)] };

/** Whether strace is there. */
export async function hasStrace(): Promise<boolean> {
  try {
    return (await new Deno.Command("strace", { args: ["-V"], stdout: "null", stderr: "null" }).output())
      .success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Names of rows with their values. The node syncs each batch; the balancer has one node behind it. */
export async function measureSyscalls(): Promise<[string, number][]> {
  const rows: [string, number][] = [];
  await withFolder(async (folder) => {
    const alone = ["--standalone", "--fsync", "always", "--dump-interval", "0"];
    const node = await start("node", ["--port", "0", "--data-dir", `${folder}/alone`, ...alone]);
    try {
      for (const command of [SET, GET]) rows.push(...await measure("node", node, command, folder));
    } finally {
      await node.stop();
    }
    const behind = await start("node", ["--port", "0", "--data-dir", folder, "--fsync", "no"]);
    const to = ["--node", `127.0.0.1:${behind.port}`, "--admin-port", "0", "--data-dir", folder];
    const balancer = await start("balancer", ["--port", "0", ...to]);
    try {
      rows.push(...await measure("balancer", balancer, GET, folder));
    } finally {
      await balancer.stop();
      await behind.stop();
    }
  });
  return rows;
}

async function measure(
  role: string,
  server: { port: number; pid: number },
  { name, request }: Command,
  folder: string,
): Promise<[string, number][]> {
  const rows: [string, number][] = [];
  const load = { port: server.port, connections: 1, request };
  for (const [depth, requests] of REQUESTS) {
    await runLoad({ ...load, depth, requests: WARM_UP_REQUESTS });
    const summary = await traced(server.pid, `${folder}/calls`, async () => {
      await runLoad({ ...load, depth, requests });
    });
    const counts = countsByKind(callsOf(summary));
    for (const kind of CALL_KINDS) {
      rows.push([`calls: ${role}, ${name} ${depth} deep, ${kind}`, counts[kind] / requests]);
    }
  }
  return rows;
}

/** The summary of what process `pid`, all threads of it, called while `use` ran. */
async function traced(pid: number, path: string, use: () => Promise<void>): Promise<string> {
  const strace = new Deno.Command("strace", {
    args: ["-f", "-c", "-o", path, "-p", String(pid)],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const reader = strace.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  try {
    while (!/ attached/.test(said)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`Cannot count system calls: ${said.trim()}`);
      said += value;
    }
    await use();
    strace.kill("SIGINT");
    while (!(await reader.read()).done);
  } finally {
    await strace.status;
  }
  return await Deno.readTextFile(path);
}
