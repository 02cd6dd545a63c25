/** How long the processes of a cluster live: what ends them, what does not, and how soon one that died is back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { clusterArgs, freePortRun, killPid, start, withFolder } from "../support/processes.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const PATIENCE_MS = 20_000;

/** Asks until `holds`; fails when it never does. */
async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const beganMs = performance.now();
  while (!await holds()) {
    if (performance.now() - beganMs > PATIENCE_MS) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - beganMs;
}

/** Command lines of running processes that contain `word`, by pid. */
function running(word: string): Map<number, string> {
  const found = new Map<number, string>();
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const command = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      if (command.includes(word)) found.set(Number(name), command);
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

async function answers(port: number, question: string): Promise<string> {
  try {
    using connection = await Deno.connect({ port });
    await connection.write(new TextEncoder().encode(question));
    const buffer = new Uint8Array(1_000);
    const deadline = setTimeout(() => connection.close(), 1_000);
    const count = await connection.read(buffer);
    clearTimeout(deadline);
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  } catch {
    return "";
  }
}

/** Runs `command`, which starts a cluster, in a shell of its own group; `use` gets the cluster's folder and port. */
async function inShell(
  commandOf: (cluster: string) => string,
  use: (shell: Deno.ChildProcess, folder: string, port: number) => Promise<void>,
): Promise<void> {
  // Below the folder that the task may use.
  Deno.mkdirSync(`${ROOT}data`, { recursive: true });
  const folder = Deno.makeTempDirSync({ dir: `${ROOT}data`, prefix: "lives-" });
  const port = freePortRun(3);
  const args = clusterArgs(folder, port).join(" ");
  const shell = new Deno.Command("setsid", {
    args: ["sh", "-c", commandOf(`'${Deno.execPath()}' task --quiet cluster ${args}`)],
    cwd: ROOT,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const isUp = async () => (await answers(port, "*1\r\n$4\r\nPING\r\n")).startsWith("+PONG");
  try {
    await eventually("the cluster serves", isUp);
    await use(shell, folder, port);
  } finally {
    for (const pid of running(folder).keys()) killPid(pid, "SIGKILL");
    killPid(shell.pid, "SIGKILL");
    await shell.status;
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("A kill -9 of a link of the chain that started a cluster ends the cluster", () =>
  inShell((cluster) => `${cluster} && true`, async (shell, folder) => {
    const links = [...running(folder)].filter(([, command]) => / task .*cluster/.test(command));
    assertEquals(links.length, 2);
    // The shell itself: the one above `deno task`, which does not hear of it.
    killPid(shell.pid, "SIGKILL");
    const isOver = () => [...running(folder).values()].every((command) => / task /.test(command));
    const tookMs = await eventually("the cluster has ended", isOver);
    assert(tookMs < 5_000, `it took ${tookMs} ms`);
  }));

Deno.test("A cluster in the background goes on when the shell that started it ends", () =>
  inShell((cluster) => `${cluster} & cat`, async (shell, _folder, port) => {
    await shell.stdin.close();
    await shell.status;
    // The watch looks twice a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assertEquals(await answers(port, "*1\r\n$4\r\nPING\r\n"), "+PONG\r\n");
  }));

Deno.test("A node that is killed is started again at once and serves", () =>
  withFolder(async (folder) => {
    const cluster = await start("cluster", clusterArgs(folder, freePortRun(3)));
    try {
      const [, pid] = await cluster.printed(/started process process=node:\d+ pid=(\d+)/);
      assertMatch(await answers(cluster.port, "*1\r\n$6\r\nDBSIZE\r\n"), /^:0/);
      killPid(Number(pid), "SIGKILL");
      await cluster.printed(/process ended unexpectedly/);
      const tookMs = await eventually(
        "every node serves",
        async () => /^:0/.test(await answers(cluster.port, "*1\r\n$6\r\nDBSIZE\r\n")),
      );
      // Far above what it takes: other tests run on the same cores.
      assert(tookMs < 5_000, `it took ${tookMs} ms`);
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  }));

Deno.test("A cluster whose node can never start ends with exit code 3 and its reason, at once", () =>
  withFolder(async (folder) => {
    const port = freePortRun(3);
    await Deno.mkdir(`${folder}/node_${port + 1}.json`);
    const cluster = await start("cluster", clusterArgs(folder, port), { awaitReady: false });
    assertEquals(await cluster.ended, 3);
    assertMatch(
      cluster.output(),
      new RegExp(`node_${port + 1}\\.json: Is a directory .*; a folder stands where`),
    );
  }));

Deno.test("A port that another node has is told with that node's process and folder", () =>
  withFolder(async (folder) => {
    const node = await start("node", ["--standalone", "--port", "0", "--data-dir", folder]);
    try {
      const other = await start("node", ["--port", `${node.port}`, "--data-dir", `${folder}/b`], {
        awaitReady: false,
      });
      assertEquals(await other.ended, 3);
      assertMatch(
        other.output(),
        new RegExp(
          `port is taken; .*: a roundel node .* \\(process ${node.pid}, data folder ${folder}\\) has it`,
        ),
      );
    } finally {
      await node.stop();
    }
  }));

Deno.test("A process that is told to stop while it starts just ends, also as process 1 of a container", () =>
  withFolder(async (folder) => {
    const args = [
      "--user",
      "--map-root-user",
      "--pid",
      "--fork",
      "--kill-child",
      Deno.execPath(),
      "run",
      "-A",
    ];
    // It waits for its node, which is not there.
    const balancer = new Deno.Command("unshare", {
      args: [...args, `${ROOT}src/balancer.ts`, "--port=0", "--admin-port=0", "--node=127.0.0.1:1"].concat(
        `--data-dir=${folder}`,
      ),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = balancer.stderr.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("node cannot be reached");) {
      const { value, done } = await reader.read();
      assert(!done, text);
      text += value;
    }
    // The child of `unshare` is process 1 of its namespace: without a handler it would not hear SIGTERM.
    const [pid] = [...running(folder)].find(([, command]) => !command.includes("unshare"))!;
    killPid(pid, "SIGTERM");
    const { code } = await balancer.status;
    await reader.cancel();
    assertEquals(code, 0);
  }));

Deno.test("A node with few open files serves fewer clients, says so to the others, and goes on writing", () =>
  withFolder(async (folder) => {
    const node = new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 200; exec "$@"', "sh", Deno.execPath(), "run", "-A", `${ROOT}src/node.ts`]
        .concat(
          ["--standalone", "--port=0", `--data-dir=${folder}`, "--max-clients=1000"],
        ),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = node.stdout.getReader();
    const port = Number(/:(\d+)/.exec(new TextDecoder().decode((await reader.read()).value))![1]);
    const clients: Deno.TcpConn[] = [];
    try {
      for (let i = 0; i < 150; i++) clients.push(await Deno.connect({ port }));
      const buffer = new Uint8Array(200);
      const last = new TextDecoder().decode(buffer.subarray(0, await clients.at(-1)!.read(buffer) ?? 0));
      assertMatch(last, /^-ERR max number of clients reached/);
      for (let i = 0; i < 10; i++) {
        await clients[0]!.write(new TextEncoder().encode("*1\r\n$4\r\nSAVE\r\n"));
        const count = await clients[0]!.read(buffer) ?? 0;
        assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), "+OK\r\n");
      }
    } finally {
      for (const client of clients) client.close();
      node.kill("SIGTERM");
      await reader.cancel();
      const log = await new Response(node.stderr).text();
      assertEquals((await node.status).code, 0);
      assertMatch(log, /--max-clients 1000 is lowered to 72: this process may open 200 files/);
    }
  }));

Deno.test("A cluster that stands still, as a terminal's Ctrl-Z makes it, holds up none of its nodes", () =>
  withFolder(async (folder) => {
    const cluster = await start("cluster", clusterArgs(folder, freePortRun(3), "--fsync", "no"));
    try {
      const pids = [...cluster.output().matchAll(/started process process=\S+ pid=(\d+)/g)].map((match) =>
        match[1]!
      );
      for (const pid of pids) killPid(Number(pid), "SIGTSTP");
      cluster.kill("SIGSTOP");
      for (let i = 0; i < 5; i++) {
        assertMatch(await answers(cluster.port, "*1\r\n$6\r\nDBSIZE\r\n"), /^:0/);
      }
      cluster.kill("SIGCONT");
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  }));
