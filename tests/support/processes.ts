/**
 * Real processes for tests: a node, a balancer or a whole cluster on free ports of the loopback and in a folder of
 * its own, started as the tasks start them, stopped or killed as the test says. Waiting is for lines that a process
 * prints, never for time.
 */
const ROOT = new URL("../../", import.meta.url).pathname;
const START_TIMEOUT_MS = 30_000;

export interface Running {
  /** Port of the ready line. */
  readonly port: number;
  readonly pid: number;
  /** Everything printed so far, both streams. */
  output(): string;
  /** Resolves when `pattern` has been printed (also before this call). */
  printed(pattern: RegExp): Promise<RegExpMatchArray>;
  kill(signal: Deno.Signal): void;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number>;
  /** SIGTERM, and waits for the end; returns the exit code. */
  stop(): Promise<number>;
  /** SIGKILL, and waits for the end. */
  crash(): Promise<void>;
}

export interface StartOptions {
  readonly env?: Record<string, string>;
  /** Whether to wait for the ready line; a process that ends before rejects with its output. Default true. */
  readonly awaitReady?: boolean;
}

/** Runs `src/<entry>.ts` with `args`. */
export async function start(
  entry: "node" | "balancer" | "cluster",
  args: readonly string[],
  options: StartOptions = {},
): Promise<Running> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", `${ROOT}src/${entry}.ts`, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    cwd: ROOT,
    env: options.env ?? {},
  }).spawn();
  let printedText = "";
  let changed = Promise.withResolvers<void>();
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      printedText += text;
      changed.resolve();
      changed = Promise.withResolvers<void>();
    }
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  let isOver = false;
  const ended = child.status.then(async ({ code }) => {
    await collected;
    isOver = true;
    changed.resolve();
    return code;
  });
  const printed = async (pattern: RegExp) => {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (true) {
      const match = printedText.match(pattern);
      if (match !== null) return match;
      if (isOver || Date.now() > deadline) {
        throw new Error(`${entry} ${args.join(" ")} did not print ${pattern}; it printed:\n${printedText}`);
      }
      const { promise: timeout, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, 500);
      await Promise.race([changed.promise, timeout]);
      clearTimeout(timer);
    }
  };
  const kill = (signal: Deno.Signal) => {
    if (!isOver) child.kill(signal);
  };
  let port = 0;
  if (options.awaitReady ?? true) {
    try {
      const [, digits] = await printed(new RegExp(`roundel ${entry} ready on [^:\\s]+:(\\d+)`));
      port = Number(digits);
    } catch (error) {
      kill("SIGKILL");
      await ended;
      throw error;
    }
  }
  return {
    port,
    pid: child.pid,
    output: () => printedText,
    printed,
    kill,
    ended,
    stop: () => {
      kill("SIGTERM");
      return ended;
    },
    crash: async () => {
      kill("SIGKILL");
      await ended;
    },
  };
}

/** Below the ports that systems give to outgoing connections, so that none of those takes one meanwhile. */
const FIRST_PORT = 20_000;
const PORTS_PER_BLOCK = 60;
const BLOCK_COUNT = 200;

/**
 * A block of ports for this file of tests alone: files run beside each other, and a port that was found free may be
 * taken by another before its process listens. Whoever listens on the first port of a block has the whole of it.
 */
function claimBlock(): { first: number; claim: Deno.TcpListener } {
  const start = Math.floor(Math.random() * BLOCK_COUNT);
  for (let i = 0; i < BLOCK_COUNT; i++) {
    const first = FIRST_PORT + (start + i) % BLOCK_COUNT * PORTS_PER_BLOCK;
    try {
      return { first, claim: Deno.listen({ hostname: "127.0.0.1", port: first }) };
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("No block of ports is free");
}

// Claimed here, not at the first use, since a test may leave nothing open; whoever holds it keeps no process alive.
const BLOCK = claimBlock();
BLOCK.claim.unref();
let nextInBlock = 1;

/** `count` ports of the loopback that are free now. */
export function freePorts(count: number): number[] {
  return Array.from({ length: count }, () => freePortRun(1));
}

/** A free port with `count - 1` free ones right behind it. The same ones come again as late as possible. */
export function freePortRun(count: number): number {
  for (let attempt = 0; attempt < 2 * PORTS_PER_BLOCK; attempt++) {
    if (nextInBlock + count > PORTS_PER_BLOCK) nextInBlock = 1;
    const first = BLOCK.first + nextInBlock;
    if (areFree(first, count)) {
      nextInBlock += count;
      return first;
    }
    nextInBlock++;
  }
  throw new Error(`No ${count} free ports in a row`);
}

function areFree(first: number, count: number): boolean {
  const listeners: Deno.TcpListener[] = [];
  try {
    for (let i = 0; i < count; i++) listeners.push(Deno.listen({ hostname: "127.0.0.1", port: first + i }));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  } finally {
    for (const listener of listeners) listener.close();
  }
}

/** Flags of a cluster on `port`, with its nodes on the ports behind it and its data in `folder`. */
export function clusterArgs(folder: string, port: number, ...more: string[]): string[] {
  return [
    "--port",
    `${port}`,
    "--node-port",
    `${port + 1}`,
    "--admin-port",
    "0",
    "--data-dir",
    folder,
    ...more,
  ];
}

/** The process that `cluster` has started last as `name`, e.g. `node:8081`. */
export function pidOf(cluster: Running, name: string): number {
  const starts = [...cluster.output().matchAll(new RegExp(`${name}\\b.*pid=(\\d+)`, "g"))];
  return Number(starts.at(-1)?.[1]);
}

/** The processes that a cluster has started so far, from what it logs. */
export function childPidsOf(cluster: Running): number[] {
  return [...cluster.output().matchAll(/pid=(\d+)/g)].map((match) => Number(match[1]));
}

/** kill -9 of a cluster and of every process that it started. */
export async function crashCluster(cluster: Running): Promise<void> {
  const pids = childPidsOf(cluster);
  cluster.kill("SIGKILL");
  for (const pid of pids) killPid(pid, "SIGKILL");
  await cluster.ended;
}

/** Runs `use` with a folder that is removed afterwards. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "roundel-test-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Kills by pid, whoever's child it is; harmless when it is gone. */
export function killPid(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
