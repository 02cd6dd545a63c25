/**
 * A place of its own for what could harm the machine: namespaces for network, mounts and processes, entered by running
 * the program again inside of them. Interfaces, packet filters, mounts and processes are gone with the first process
 * inside, however that ends, and it ends when the one outside does.
 */
const INSIDE_VARIABLE = "ROUNDEL_TEST_INSIDE";

/** What each tool is in, on Debian. */
const PACKAGES: Readonly<Record<string, string>> = {
  unshare: "util-linux",
  nsenter: "util-linux",
  mount: "mount",
  ip: "iproute2",
  iptables: "iptables",
  ss: "iproute2",
  strace: "strace",
};

/** The folder to work in, inside; `null` outside. */
export function folderInside(): string | null {
  return Deno.env.get(INSIDE_VARIABLE) ?? null;
}

/** A sentence that names the missing tools of `tools` and what to install; `null` when all are here. */
export async function missingTools(tools: readonly string[]): Promise<string | null> {
  const missing: string[] = [];
  for (const tool of new Set(tools)) {
    const { success } = await run("sh", "-c", `command -v ${tool}`);
    if (!success) missing.push(tool);
  }
  if (missing.length === 0) return null;
  const packages = [...new Set(missing.map((tool) => PACKAGES[tool] ?? tool))];
  return `Cannot run: ${missing.join(", ")} not found; on Debian: apt-get install ${packages.join(" ")}`;
}

/** Runs this program inside, with the same arguments; its exit code. */
export async function enter(program: string, args: readonly string[]): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "roundel-secluded-" });
  const child = new Deno.Command("unshare", {
    args: [
      ...(Deno.uid() === 0 ? [] : ["--user", "--map-root-user"]),
      ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...[Deno.execPath(), "run", "--allow-all", "--no-prompt", program, ...args],
    ],
    stdin: "piped",
    env: { [INSIDE_VARIABLE]: folder },
  }).spawn();
  // Ctrl-C reaches everybody in the terminal; the one inside ends in order, and then this one.
  const wait = () => {};
  Deno.addSignalListener("SIGINT", wait);
  const pass = () => child.kill("SIGTERM");
  Deno.addSignalListener("SIGTERM", pass);
  const { code } = await child.status;
  Deno.removeSignalListener("SIGINT", wait);
  Deno.removeSignalListener("SIGTERM", pass);
  await Deno.remove(folder, { recursive: true });
  return code;
}

/** Ends this process, and with it everything inside, once the one outside is gone. */
export async function endWithOutside(): Promise<void> {
  while (await Deno.stdin.read(new Uint8Array(64)) !== null);
  Deno.exit(1);
}

export async function run(
  command: string,
  ...args: readonly string[]
): Promise<{ success: boolean; output: string }> {
  const result = await new Deno.Command(command, { args: [...args], stdin: "null" }).output();
  const text = new TextDecoder();
  return { success: result.success, output: text.decode(result.stdout) + text.decode(result.stderr) };
}

/** Runs a command that has to succeed. */
export async function must(command: string, ...args: readonly string[]): Promise<void> {
  const { success, output } = await run(command, ...args);
  if (!success) throw new Error(`${command} ${args.join(" ")} failed: ${output.trim()}`);
}
