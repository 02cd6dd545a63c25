/**
 * Roundel and those it is measured against, each with the same durability: what is written goes to a log that is
 * synced as `fsync` says, no dump is made and no log rewritten meanwhile. Every server listens on a free port of the
 * loopback and has a folder of its own.
 */
import { freePorts } from "../../tests/support/processes.ts";
import type { LoopName } from "./bare_server.ts";
import { type Child, type Probe, type Processes, untilAnswers } from "./processes.ts";

export type Fsync = "no" | "everysec" | "always";

export interface PeerOptions {
  readonly fsync: Fsync;
  /** What a node of Roundel may take; the others take what they need. */
  readonly maxMemoryBytes: number;
  /** The tree whose Roundel is started, with a slash at its end; this one where nothing is said. */
  readonly root?: string;
}

export interface Peer {
  readonly name: string;
  readonly port: number;
  /** Every process that serves. */
  readonly pids: readonly number[];
  /** Of these the one in front, which hands requests on to the others; none where clients meet the stores. */
  readonly frontPid: number | undefined;
  /** Ends it and removes what it wrote. */
  stop(): Promise<void>;
}

const ROOT = new URL("../../", import.meta.url).pathname;
const GET_REQUEST = "*2\r\n$3\r\nGET\r\n$5\r\nready\r\n";
const GET_ANSWER = "$-1\r\n";
const PING = "*1\r\n$4\r\nPING\r\n";

/** Room for the most connections that any cell has, and a few to look on. */
const REDIS_CLIENTS_MAX = 12_000;

/** Binaries of others, by what they are needed for. */
const NEEDED = ["redis-server", "redis-benchmark", "nutcracker", "memcached"];

/** Which of the others' binaries are not installed. */
export async function missingBinaries(): Promise<string[]> {
  const missing: string[] = [];
  for (const command of NEEDED) {
    try {
      await new Deno.Command(command, { args: ["-V"], stdin: "null", stdout: "null", stderr: "null" })
        .output();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      missing.push(command);
    }
  }
  return missing;
}

/** A process that serves `port` and keeps its data in `folder`; it may be started again there. */
export interface Place {
  readonly port: number;
  readonly folder: string;
}

export function spawnNode(
  processes: Processes,
  { port, folder }: Place,
  { fsync, maxMemoryBytes, root = ROOT }: PeerOptions,
  isStandalone = true,
): Child {
  return processes.spawn(Deno.execPath(), [
    ...runtimeArgs(root, folder),
    `${root}src/node.ts`,
    `--port=${port}`,
    `--data-dir=${folder}`,
    `--standalone=${isStandalone}`,
    `--fsync=${fsync}`,
    `--max-memory=${maxMemoryBytes}`,
    ...["--dump-interval=0", "--dump-log-size=64gb", "--log-level=warn"],
  ]);
}

export function spawnRedis(
  processes: Processes,
  { port, folder }: Place,
  settings: Readonly<Record<string, string>>,
): Child {
  const all = {
    port: `${port}`,
    bind: "127.0.0.1",
    dir: folder,
    save: "",
    loglevel: "warning",
    maxclients: `${REDIS_CLIENTS_MAX}`,
    ...settings,
  };
  return processes.spawn(
    "redis-server",
    Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]),
  );
}

/** Settings of a redis-server that logs each write, and never rewrites its log. */
export function appendOnly(fsync: Fsync): Record<string, string> {
  return { appendonly: "yes", appendfsync: fsync, "auto-aof-rewrite-percentage": "0" };
}

/** A standalone node. */
export async function startNode(processes: Processes, options: PeerOptions): Promise<Peer> {
  const place = placeOf(processes);
  const child = spawnNode(processes, place, options);
  await untilAnswers(child, getProbe(place.port));
  return peerOf(processes, {
    name: "Roundel node",
    port: place.port,
    children: [child],
    folders: [place.folder],
  });
}

export async function startRedis(processes: Processes, { fsync }: PeerOptions): Promise<Peer> {
  const place = placeOf(processes);
  const child = spawnRedis(processes, place, appendOnly(fsync));
  await untilAnswers(child, getProbe(place.port));
  return peerOf(processes, { name: "redis", port: place.port, children: [child], folders: [place.folder] });
}

/** A balancer and two nodes. */
export async function startCluster(processes: Processes, options: PeerOptions): Promise<Peer> {
  const [port, ...nodePorts] = freePorts(3);
  const folder = processes.folder();
  const { root = ROOT } = options;
  const nodes = nodePorts.map((nodePort) => spawnNode(processes, { port: nodePort, folder }, options, false));
  const balancer = processes.spawn(Deno.execPath(), [
    ...runtimeArgs(root, folder),
    `${root}src/balancer.ts`,
    `--port=${port}`,
    ...nodePorts.map((nodePort) => `--node=127.0.0.1:${nodePort}`),
    `--data-dir=${folder}`,
    ...["--admin-port=0", "--log-level=warn"],
  ]);
  await untilAnswers(balancer, getProbe(port!));
  return {
    ...peerOf(processes, {
      name: "Roundel cluster",
      port: port!,
      children: [balancer, ...nodes],
      folders: [folder],
    }),
    frontPid: balancer.pid,
  };
}

/** twemproxy in front of two redis-servers. */
export async function startTwemproxy(processes: Processes, { fsync }: PeerOptions): Promise<Peer> {
  const places = [placeOf(processes), placeOf(processes)];
  const servers = places.map((place) => spawnRedis(processes, place, appendOnly(fsync)));
  for (const [i, { port }] of places.entries()) await untilAnswers(servers[i]!, getProbe(port));
  const [port, statisticsPort] = freePorts(2);
  const folder = processes.folder();
  const configuration = [
    "pool:",
    `  listen: 127.0.0.1:${port}`,
    "  hash: fnv1a_64",
    "  distribution: ketama",
    "  redis: true",
    "  preconnect: true",
    "  server_connections: 1",
    "  servers:",
    ...places.map((place) => `    - 127.0.0.1:${place.port}:1`),
    "",
  ].join("\n");
  Deno.writeTextFileSync(`${folder}/nutcracker.yml`, configuration);
  const proxy = processes.spawn("nutcracker", [
    ...["-c", `${folder}/nutcracker.yml`, "-o", `${folder}/nutcracker.log`, "-p", `${folder}/nutcracker.pid`],
    ...["-a", "127.0.0.1", "-s", `${statisticsPort}`, "-v", "4"],
  ]);
  await untilAnswers(proxy, getProbe(port!));
  const folders = [folder, ...places.map((place) => place.folder)];
  return {
    ...peerOf(processes, {
      name: "twemproxy + 2 redis",
      port: port!,
      children: [proxy, ...servers],
      folders,
    }),
    frontPid: proxy.pid,
  };
}

/** What the runtime can do at all. */
export function startBare(processes: Processes): Promise<Peer> {
  return startLoop(processes, "plain");
}

/** The bare server with one of its loops. */
export async function startLoop(processes: Processes, loop: LoopName): Promise<Peer> {
  const [port] = freePorts(1);
  const file = new URL("./bare_server.ts", import.meta.url).pathname;
  const child = processes.spawn(Deno.execPath(), [
    ...["run", "--no-prompt", `--config=${ROOT}deno.json`, "--allow-net", file, `${port}`, loop],
  ]);
  await untilAnswers(child, { port: port!, request: PING, expected: "+PONG" });
  return peerOf(processes, { name: "bare Deno.listen", port: port!, children: [child], folders: [] });
}

export async function startMemcached(processes: Processes, { maxMemoryBytes }: PeerOptions): Promise<Peer> {
  const [port] = freePorts(1);
  const megabytes = Math.ceil(maxMemoryBytes / 1024 ** 2);
  const child = processes.spawn("memcached", [
    ...["-l", "127.0.0.1", "-p", `${port}`, "-U", "0", "-m", `${megabytes}`],
    // It refuses to run as root without being told whom to be.
    ...(Deno.uid() === 0 ? ["-u", "root"] : []),
  ]);
  await untilAnswers(child, { port: port!, request: "version\r\n", expected: "VERSION" });
  return peerOf(processes, { name: "memcached", port: port!, children: [child], folders: [] });
}

export function placeOf(processes: Processes): Place {
  return { port: freePorts(1)[0]!, folder: processes.folder() };
}

/** The permissions of `deno task node`, for the folder that is used here. */
function runtimeArgs(root: string, folder: string): string[] {
  return [
    ...["run", "--no-prompt", `--config=${root}deno.json`, "--allow-net", "--allow-env=ROUNDEL_*"],
    `--allow-read=${folder}`,
    `--allow-write=${folder}`,
  ];
}

function getProbe(port: number): Probe {
  return { port, request: GET_REQUEST, expected: GET_ANSWER };
}

interface PeerParts {
  readonly name: string;
  readonly port: number;
  readonly children: readonly Child[];
  readonly folders: readonly string[];
}

function peerOf(processes: Processes, { name, port, children, folders }: PeerParts): Peer {
  return {
    name,
    port,
    pids: children.map((child) => child.pid),
    frontPid: undefined,
    stop: async () => {
      for (const child of children) await child.stop();
      for (const folder of folders) processes.removeFolder(folder);
    },
  };
}
