/** What a process says and does that meets a bug after which it cannot be trusted. */
import { assertEquals } from "@std/assert";
import { freePorts, withFolder } from "../support/processes.ts";
import { RespClient } from "../support/resp_client.ts";

const ROOT = new URL("../../", import.meta.url);

/** Runs a node in which `method` of class `type` throws, and sends it `request`; its exit code and what it printed as errors. */
async function broken(type: string, method: string, request: string[]): Promise<[number, string]> {
  const [port] = freePorts(1) as [number];
  let result: [number, string] = [-1, ""];
  await withFolder(async (folder) => {
    const program = `
      import { ${type} } from "${ROOT}src/store/store.ts";
      ${type}.prototype.${method} = () => { throw new Error("a bug"); };
      await import("${ROOT}src/node.ts");`;
    await Deno.writeTextFile(`${folder}/broken.ts`, program);
    const flags = [
      "--port",
      `${port}`,
      "--data-dir",
      `${folder}/data`,
      "--standalone",
      "--log-format",
      "json",
    ];
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--quiet",
        "--config",
        `${ROOT.pathname}deno.json`,
        `${folder}/broken.ts`,
        ...flags,
      ],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const printed = child.stdout.getReader();
    await printed.read();
    if (request.length > 0) {
      const client = await RespClient.connect(port);
      // The second time the entry is there, and is changed.
      await client.send(request, request);
      client.connection.close();
    }
    result = [(await child.status).code, await errors];
    await printed.cancel();
  });
  return result;
}

for (
  const [where, method, request] of [
    ["a request's change of the data", "touch", ["SET", "k", "v"]],
    ["the sweep that goes on by itself", "sweepExpired", []],
  ] as const
) {
  Deno.test(`A bug in ${where} ends the process by exit code 1 and a line that says where it is`, async () => {
    const [code, errors] = await broken("Store", method, [...request]);
    const last = JSON.parse(errors.trimEnd().split("\n").at(-1)!);
    assertEquals([code, last.level, last.category], [1, "error", "process"]);
    assertEquals(String(last.cause).split("\n")[0], "Error: a bug");
  });
}
