/** The main promise, as a new user meets it: one command, `nc`, SAVE, kill -9 of everything, start again. */
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import {
  childPidsOf,
  clusterArgs,
  crashCluster,
  freePortRun,
  start,
  withFolder,
} from "../support/processes.ts";
import { netcat, redisCli } from "../support/shell_clients.ts";

Deno.test("A cluster answers nc word for word, and each call comes back by itself within a second", async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    const cluster = await start("cluster", clusterArgs(folder, port));
    try {
      const lines: [string, string][] = [
        ["SET my_key hello_world\n", "OK\n"],
        ["GET my_key\n", "hello_world\n"],
        ["GET missing\n", "(nil)\n"],
        ["INCR counter\n", "1\n"],
        ["incrby counter 41\n", "42\n"],
        ['SET greeting "hello \\"there\\" world"\n', "OK\n"],
        ["GET greeting\n", 'hello "there" world\n'],
        ["MSET a 1 b 2 c 3\n", "OK\n"],
        ["MGET a b nothing c\n", "1\n2\n(nil)\n3\n"],
        ["DEL a b nothing\n", "2\n"],
        ["NOSUCH x\n", "ERROR unknown command 'NOSUCH', with args beginning with: 'x' \n"],
        ["GET\n", "ERROR wrong number of arguments for 'get' command\n"],
        ["SAVE\n", "OK\n"],
      ];
      for (const [line, expected] of lines) {
        const began = performance.now();
        assertEquals(await netcat(port, line), expected, line);
        assertLess(performance.now() - began, 1000, `${line} took too long`);
      }
      for (const nodePort of [port + 1, port + 2]) {
        assert((await Deno.stat(`${folder}/dump_${nodePort}.data`)).size > 0);
      }
      assertMatch(await netcat(port, "HELP\n"), /SET key value/);
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  });
});

Deno.test("Every acknowledged write is there after SAVE, kill -9 of every process, and a start", async () => {
  await withFolder(async (folder) => {
    const port = freePortRun(3);
    let cluster = await start("cluster", clusterArgs(folder, port));
    try {
      for (let i = 0; i < 20; i++) assertEquals(await redisCli(port, "SET", `before:${i}`, `v${i}`), "OK\n");
      assertEquals(await netcat(port, "SAVE\n"), "OK\n");
      for (let i = 0; i < 20; i++) assertEquals(await redisCli(port, "SET", `after:${i}`, `w${i}`), "OK\n");
      assertEquals(childPidsOf(cluster).length, 3, cluster.output());
      await crashCluster(cluster);

      cluster = await start("cluster", clusterArgs(folder, port));
      for (let i = 0; i < 20; i++) {
        assertEquals(await redisCli(port, "GET", `before:${i}`), `v${i}\n`);
        assertEquals(await redisCli(port, "GET", `after:${i}`), `w${i}\n`);
      }
      assertEquals(await redisCli(port, "DBSIZE"), "40\n");
    } finally {
      assertEquals(await cluster.stop(), 0);
    }
  });
});
