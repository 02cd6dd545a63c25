/**
 * What machines, disks and networks do to the processes. Each fault runs once, at a place chosen by the seed, and
 * says as whose outage it counts; what counts as none has to go unnoticed.
 */
import { type Random, randomBelow } from "../../src/core/random.ts";
import { killPid } from "../support/processes.ts";
import { pick, sleep } from "../support/random_choice.ts";
import type { Place } from "./record.ts";
import { must, run } from "../support/seclusion.ts";
import type { Stage } from "./stage.ts";

export interface Fault {
  readonly tools: readonly string[];
  inject(stage: Stage, random: Random): Promise<void>;
}

const FAR_HOST = "10.231.7.2";
const NEAR_HOST = "10.231.7.1";
const FAR_ATTACK_MS = 9_000;

export const ENVIRONMENT: Readonly<Record<string, Fault>> = {
  "kill-node": {
    tools: [],
    inject: async (stage, random) => {
      const place = pick(stage.places, random);
      await stage.outage("kill-node", [place], () => killNode(stage, place));
    },
  },
  "kill-balancer": {
    tools: [],
    inject: async (stage) => {
      await stage.outage("kill-balancer", clusterOf(stage), async () => {
        stage.kill(stage.balancerPid);
        await sleep(300);
      });
    },
  },
  freeze: {
    tools: [],
    inject: async (stage, random) => {
      const place = pick(stage.places, random);
      const pid = stage.pidOf(place);
      await stage.outage("freeze", [place], async () => {
        killPid(pid, "SIGSTOP");
        await sleep(300 + randomBelow(random, 5_000));
        killPid(pid, "SIGCONT");
      });
    },
  },
  "cut-link": {
    tools: ["iptables"],
    inject: async (stage, random) => {
      const place = pick(clusterOf(stage), random);
      await stage.outage("cut-link", [place], async () => {
        await filtered(
          stage.nodePortOf(place),
          ["REJECT", "--reject-with", "tcp-reset"],
          300 + randomBelow(random, 2_000),
        );
      });
    },
  },
  "black-hole": {
    tools: ["iptables"],
    inject: async (stage, random) => {
      const place = pick(clusterOf(stage), random);
      await stage.outage("black-hole", [place], async () => {
        await filtered(stage.nodePortOf(place), ["DROP"], 1_000 + randomBelow(random, 16_000));
      });
    },
  },
  "unplugged-clients": { tools: ["ip", "nsenter", "unshare"], inject: unpluggedClients },
  "full-disk": {
    tools: ["mount"],
    inject: async (stage, random) => {
      const place = pick(stage.places, random);
      const hit = stage.places.filter(({ target }) => target === place.target);
      await stage.outage("full-disk", hit, async () => {
        const filler = `${stage.diskOf(place)}/filler`;
        await run("dd", "if=/dev/zero", `of=${filler}`, "bs=1M");
        await sleep(2_500);
        await Deno.remove(filler);
      });
    },
  },
  "sync-fails": {
    tools: ["strace"],
    inject: async (stage, random) => {
      const place = pick(stage.places, random);
      await stage.outage("sync-fails", [place], async () => {
        await injected(stage.pidOf(place), ["fsync,fdatasync:error=EIO"], 2_000);
        await killNode(stage, place);
      });
    },
  },
  "write-fails": {
    tools: ["strace"],
    inject: async (stage, random) => {
      const place = pick(stage.places, random);
      await stage.outage("write-fails", [place], async () => {
        const log = `${stage.diskOf(place)}/log_${stage.nodePortOf(place)}`;
        const segments = [...Deno.readDirSync(log)].map(({ name }) => `${log}/${name}`).sort();
        await injected(stage.pidOf(place), ["write,pwrite64,writev:error=ENOSPC"], 2_000, segments.at(-1));
        await killNode(stage, place);
      });
    },
  },
  "no-descriptors": {
    tools: ["strace"],
    inject: async (stage, random) => {
      const pid = randomBelow(random, 3) === 0 ? stage.balancerPid : stage.pidOf(pick(stage.places, random));
      await injected(pid, ["accept4:error=EMFILE", "openat:error=EMFILE"], 2_500);
    },
  },
};

/** kill -9; the cluster starts its own again by itself. */
async function killNode(stage: Stage, place: Place): Promise<void> {
  stage.kill(stage.pidOf(place));
  await sleep(200);
  if (place.target === "node") await stage.startNode();
}

/** Does `verdict` to whatever goes to or comes from `port`, for `ms`. */
async function filtered(port: number, verdict: readonly string[], ms: number): Promise<void> {
  const rules = ["--dport", "--sport"].map((
    side,
  ) => ["INPUT", "-p", "tcp", side, `${port}`, "-j", ...verdict]);
  for (const rule of rules) await must("iptables", "-I", ...rule);
  await sleep(ms);
  for (const rule of rules) await must("iptables", "-D", ...rule);
}

/** Makes system calls of a process fail for `ms`; with `path` only those on that file. */
async function injected(pid: number, faults: readonly string[], ms: number, path?: string): Promise<void> {
  const names = faults.map((fault) => fault.slice(0, fault.indexOf(":"))).join(",");
  const strace = new Deno.Command("strace", {
    args: [
      ...["-f", "-q", "-o", "/dev/null", "-p", `${pid}`, "-e", `trace=${names}`],
      ...(path === undefined ? [] : ["-P", path]),
      ...faults.flatMap((fault) => ["-e", `inject=${fault}`]),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await sleep(ms);
  try {
    strace.kill("SIGINT");
  } catch {
    // The process that it watched is gone, and so is it.
  }
  await strace.status;
}

/**
 * Clients behind a network of their own, which goes down while replies are on their way: their peers do not answer
 * any more, and the kernel says EHOSTUNREACH where it says anything.
 */
async function unpluggedClients(stage: Stage, random: Random): Promise<void> {
  const retries = "/proc/sys/net/ipv4/tcp_retries2";
  const before = (await Deno.readTextFile(retries)).trim();
  const holder = new Deno.Command("unshare", { args: ["--net", "sleep", "60"], stdin: "null" }).spawn();
  try {
    const inFar = ["-t", `${holder.pid}`, "-n"];
    await untilSecluded(holder.pid);
    await must("ip", ..."link add near0 type veth peer name far0 netns".split(" "), `${holder.pid}`);
    await must("ip", "addr", "add", `${NEAR_HOST}/24`, "dev", "near0");
    await must("ip", "link", "set", "near0", "up");
    await must("nsenter", ...inFar, "ip", "addr", "add", `${FAR_HOST}/24`, "dev", "far0");
    await must("nsenter", ...inFar, "ip", "link", "set", "far0", "up");
    // A reply that nobody acknowledges fails within seconds instead of a quarter of an hour, and later than it is known
    // that there is no way: the kernel then says so (EHOSTUNREACH), instead of that the time is over (ETIMEDOUT).
    await Deno.writeTextFile(retries, "3");
    await Deno.writeTextFile("/proc/sys/net/ipv4/neigh/near0/mcast_solicit", "1");
    await Deno.writeTextFile("/proc/sys/net/ipv4/neigh/near0/retrans_time_ms", "100");
    const attacks = ["takers", "slow-readers"].flatMap((kind) =>
      ["node", "cluster"].map((target) => {
        const place = stage.places.find((other) => other.target === target)!;
        return new Deno.Command("nsenter", {
          args: [
            ...inFar,
            ...attackCommand(kind, NEAR_HOST, stage.portOf(place), random.u32() >>> 1, FAR_ATTACK_MS),
          ],
          stdin: "null",
        }).spawn();
      })
    );
    await untilServed(attacks.length);
    if (randomBelow(random, 2) === 0) await must("ip", "link", "set", "near0", "down");
    else await must("nsenter", ...inFar, "ip", "link", "set", "far0", "down");
    await Promise.all(attacks.map(({ status }) => status));
  } finally {
    await Deno.writeTextFile(retries, before);
    await run("ip", "link", "del", "near0");
    killPid(holder.pid, "SIGKILL");
    await holder.status;
  }
}

/** Waits until `count` connections from the far side have been there for a while. */
async function untilServed(count: number): Promise<void> {
  const far = FAR_HOST.split(".").reverse().map((part) => Number(part).toString(16).padStart(2, "0")).join(
    "",
  );
  const isOpen = new RegExp(`^ *\\d+: \\S+ ${far}:\\S+ 01 `, "gim");
  const deadline = performance.now() + FAR_ATTACK_MS / 2;
  while (performance.now() < deadline) {
    const open = (await Deno.readTextFile("/proc/self/net/tcp")).match(isOpen) ?? [];
    if (open.length >= count) break;
    await sleep(50);
  }
  await sleep(500);
}

/** Waits until a process has left our network. */
async function untilSecluded(pid: number): Promise<void> {
  const ours = await Deno.readLink("/proc/self/ns/net");
  while (await Deno.readLink(`/proc/${pid}/ns/net`) === ours) await sleep(5);
}

/** The command of an attack; the attackers give way to those who are attacked. */
export function attackCommand(kind: string, host: string, port: number, seed: number, ms: number): string[] {
  const program = new URL("./attacker.ts", import.meta.url).pathname;
  const command = ["nice", "-n", "15", Deno.execPath(), "run", "-A", "--no-prompt", program];
  return [...command, kind, host, `${port}`, `${seed}`, `${Math.round(ms)}`];
}

function clusterOf(stage: Stage): Place[] {
  return stage.places.filter(({ target }) => target === "cluster");
}
