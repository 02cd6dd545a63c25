/**
 * `nc` and `redis-cli` as a person uses them. Where the machine has none, a stand-in here sends and prints the same
 * bytes, so that the same assertions hold on every machine.
 */
import { bytesOf, textOf } from "../../src/core/bytes.ts";

const CLIENT_TIMEOUT_MS = 10_000;

/** What `printf input | nc 127.0.0.1 port` prints. It must come back by itself. */
export async function netcat(port: number, input: string): Promise<string> {
  return await runIfInstalled("nc", ["127.0.0.1", String(port)], input) ?? await speakAsNetcat(port, input);
}

/** What `redis-cli -p port args…` prints. */
export async function redisCli(port: number, ...args: string[]): Promise<string> {
  const output = await runIfInstalled("redis-cli", ["-p", String(port), ...args], "");
  return output ?? await speakAsRedisCli(port, args);
}

/** What `redis-cli --cluster check` prints of the node at `port`; `null` where it is not installed. */
export function clusterCheck(port: number): Promise<string | null> {
  return runIfInstalled("redis-cli", ["--cluster", "check", `127.0.0.1:${port}`], "");
}

/** Runs a program of the machine with `input`; `null` when it is not installed. */
async function runIfInstalled(program: string, args: string[], input: string): Promise<string | null> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), CLIENT_TIMEOUT_MS);
  const writer = child.stdin.getWriter();
  await writer.write(bytesOf(input));
  await writer.close();
  const { stdout, stderr, signal } = await child.output();
  clearTimeout(timer);
  if (signal !== null) throw new Error(`${program} ${args.join(" ")} did not come back: ${textOf(stdout)}`);
  return textOf(stdout) + textOf(stderr);
}

async function speakAsNetcat(port: number, input: string): Promise<string> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(bytesOf(input));
  let text = "";
  for await (const chunk of connection.readable.pipeThrough(new TextDecoderStream())) text += chunk;
  return text;
}

async function speakAsRedisCli(port: number, args: string[]): Promise<string> {
  const { Redis } = await import("ioredis");
  const client = new Redis(port, "127.0.0.1", { lazyConnect: true });
  await client.connect();
  try {
    const [name, ...rest] = args;
    return printed(await client.call(name!, ...rest));
  } catch (error) {
    return `${(error as Error).message}\n`;
  } finally {
    client.disconnect();
  }
}

function printed(reply: unknown): string {
  if (Array.isArray(reply)) return reply.map(printed).join("");
  return `${reply ?? ""}\n`;
}
