/** The tasks as a user runs them: with their own permissions, flags good and bad, signals, and children that die. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { freePortRun, freePorts, killPid, withFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What a task has not printed by then it never will. */
const PATIENCE_MS = 30_000;

/** A running `deno task`. */
class Task {
  readonly #process: Deno.ChildProcess;
  readonly #heard: Promise<unknown>;
  stdout = "";
  stderr = "";
  #changed = Promise.withResolvers<void>();

  constructor(args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.#heard = Promise.all([
      this.#hear(this.#process.stdout, (text) => this.stdout += text),
      this.#hear(this.#process.stderr, (text) => this.stderr += text),
    ]);
  }

  /** Resolves with the match once both streams together contain `pattern`; fails when they never will. */
  async printed(pattern: RegExp): Promise<RegExpMatchArray> {
    const over = Promise.withResolvers<boolean>();
    this.#heard.then(() => over.resolve(true));
    const deadline = setTimeout(() => over.resolve(true), PATIENCE_MS);
    try {
      for (let isOver = false;;) {
        const match = (this.stdout + this.stderr).match(pattern);
        if (match !== null) return match;
        if (isOver) throw new Error(`expected ${pattern}, got:\n${this.stdout}${this.stderr}`);
        isOver = await Promise.race([this.#changed.promise.then(() => false), over.promise]);
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  kill(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  async ended(): Promise<number> {
    await this.#heard;
    return (await this.#process.status).code;
  }

  async #hear(stream: ReadableStream<Uint8Array<ArrayBuffer>>, add: (text: string) => void): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      add(text);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    }
  }
}

async function run(...args: string[]): Promise<Task & { code: number }> {
  const task = new Task(args);
  return Object.assign(task, { code: await task.ended() });
}

/** Runs `use` with a cluster, which is gone afterwards whatever happens. */
async function withCluster(
  args: readonly string[],
  use: (cluster: Task, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const cluster = await startCluster(folder, ...args);
    try {
      await use(cluster, folder);
    } finally {
      cluster.kill("SIGTERM");
      assertEquals(await cluster.ended(), 0);
    }
  });
}

/** A cluster on free ports with its data in `folder`, once it is ready. */
async function startCluster(folder: string, ...args: string[]): Promise<Task> {
  const [port, adminPort] = freePorts(2);
  const ports = [`--port=${port}`, `--admin-port=${adminPort}`, `--node-port=${freePortRun(2)}`];
  const task = new Task(["cluster", ...ports, `--data-dir=${folder}/data`, ...args]);
  assertEquals(Number((await task.printed(/^roundel cluster ready on 127\.0\.0\.1:(\d+)$/m))[1]), port);
  return task;
}

/** The process of this role that was started first, from the cluster's debug log. */
function pidOf(role: string, output: string): number {
  const pids = [...output.matchAll(new RegExp(`started process process=${role}:\\d+ pid=(\\d+)`, "g"))];
  return Number(pids[0]![1]);
}

Deno.test("Every task refuses bad flags with exit code 2 and one clear line", async () => {
  for (const task of ["node", "balancer", "cluster"]) {
    const { code, stdout, stderr } = await run(task, "--port", "abc");
    assertEquals([code, stdout], [2, ""]);
    assertEquals(stderr, 'Bad value for --port: "abc": takes a port number from 0 to 65535\n');
  }
});

Deno.test("Every task answers --help with exit code 0", async () => {
  for (const task of ["node", "balancer", "cluster"]) {
    const { code, stdout, stderr } = await run(task, "--help");
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `roundel ${task}: `);
  }
});

Deno.test("A data folder that the task may not use is refused with the permission that is missing", () =>
  withFolder(async (folder) => {
    const node = await run("node", "--port", "0", "--data-dir", folder);
    assertEquals(node.code, 3);
    assertStringIncludes(node.stderr, `--allow-read=${folder}`);
    const balancer = await run("balancer", "--port", "0", "--data-dir", folder, "--node", "127.0.0.1:1");
    assertEquals(balancer.code, 3);
    assertStringIncludes(balancer.stderr, `--allow-write=${folder}`);
  }));

Deno.test("A cluster in any data folder becomes ready, knows its machine's boot, and ends all its processes on SIGTERM", async () => {
  let pids: number[] = [];
  await withCluster(["--log-level=debug"], async (cluster, folder) => {
    pids = ["balancer", "node"].map((role) => pidOf(role, cluster.stderr));
    const file = [...Deno.readDirSync(`${folder}/data`)].find(({ name }) => /^node_\d+\.json$/.test(name))!;
    const { bootId } = JSON.parse(await Deno.readTextFile(`${folder}/data/${file.name}`));
    assertEquals(bootId, (await Deno.readTextFile("/proc/sys/kernel/random/boot_id")).trim());
  });
  for (const pid of pids) {
    const { success } = new Deno.Command("kill", { args: ["-0", String(pid)], stderr: "null" }).outputSync();
    assertEquals(success, false);
  }
});

Deno.test("A cluster starts a process that died again", () =>
  withCluster(["--log-level=debug"], async (cluster) => {
    killPid(pidOf("node", cluster.stderr), "SIGKILL");
    const [, name] = await cluster.printed(/process ended unexpectedly process=(node:\d+) .*signal=SIGKILL/);
    await cluster.printed(
      new RegExp(`${name} +\\| roundel node ready on[^]*${name} +\\| roundel node ready on`),
    );
  }));

Deno.test("A cluster's log in JSON is JSON in every line, from every process", async () => {
  let task: Task | null = null;
  await withCluster(["--log-level=debug", "--log-format=json"], (cluster) => {
    task = cluster;
    return Promise.resolve();
  });
  const { stdout, stderr } = task!;
  const names = stderr.trimEnd().split("\n").map((line) => processOf(line));
  assertEquals([...new Set(names)].sort(), ["balancer", "cluster", "node"]);
  for (const line of stdout.trimEnd().split("\n")) {
    assertMatch(line, /^roundel (node|balancer|cluster) ready on /);
  }
});

function processOf(line: string): string {
  try {
    return JSON.parse(line).name.replace(/:.*/, "");
  } catch {
    throw new Error(`not a log entry in JSON: ${line}`);
  }
}
