/**
 * Cuts between two processes that share one address: the packets of the connections that are open between them are
 * dropped, and new connections to the one that listens cannot be made by anybody meanwhile; those that others have to it go on.
 */
import { sleep } from "../support/random_choice.ts";
import { must, run } from "../support/seclusion.ts";

export type Direction = "both" | "to the dialler" | "to the listener";

export interface Line {
  readonly diallerPid: number;
  readonly listenerPort: number;
}

/** Tools that a cut needs. */
export const CUT_TOOLS: readonly string[] = ["unshare", "mount", "ip", "ss", "iptables"];

/** Drops what goes along `lines` in `direction` for `ms`. */
export async function cut(lines: readonly Line[], direction: Direction, ms: number): Promise<void> {
  const rules = (await Promise.all(lines.map((line) => rulesOf(line, direction)))).flat();
  const made: string[][] = [];
  try {
    for (const rule of rules) {
      await must("iptables", "-I", ...rule);
      made.push(rule);
    }
    await sleep(ms);
  } finally {
    for (const rule of made) await must("iptables", "-D", ...rule);
  }
}

async function rulesOf({ diallerPid, listenerPort }: Line, direction: Direction): Promise<string[][]> {
  const rule = (...match: string[]) => ["INPUT", "-p", "tcp", ...match, "-j", "DROP"];
  const rules = [rule("--syn", "--dport", `${listenerPort}`)];
  for (const port of await portsOf(diallerPid, listenerPort)) {
    if (direction !== "to the dialler") rules.push(rule("--sport", port, "--dport", `${listenerPort}`));
    if (direction !== "to the listener") rules.push(rule("--sport", `${listenerPort}`, "--dport", port));
  }
  return rules;
}

/** The local ports of a process's connections to `listenerPort`. */
async function portsOf(pid: number, listenerPort: number): Promise<string[]> {
  const { output } = await run("ss", "-Htnp", "state", "established", "dport", "=", `:${listenerPort}`);
  const own = output.split("\n").filter((line) => line.includes(`pid=${pid},`));
  return own.map((line) => /:(\d+)\s/.exec(line)![1]!);
}
