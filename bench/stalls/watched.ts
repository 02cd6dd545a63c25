/**
 * A node, or without arguments nothing, whose event loop is watched from inside: a timer that should fire every
 * millisecond notes by how much it was late, and how much of that time the process was at work. On a machine that
 * others use, too, the first says what the machine did to the loop, the second what the process did to itself:
 *
 *     late := how late the timer fired        held := the least of late and the process' CPU time since the last time
 *
 * The CPU time is that of all threads, garbage collection included; so `held` is rather too much than too little. Time
 * in which the loop waits for a disk counts as late only.
 *
 * Prints the port on which it answers every byte with the longest times, as JSON, since the byte before.
 *
 *     deno run --allow-all bench/stalls/watched.ts [flags of a node]
 */
import process from "node:process";

const PERIOD_MS = 1;

export interface Stalls {
  readonly lateMs: number;
  readonly heldMs: number;
}

let lateMs = 0;
let heldMs = 0;
let lastMs = performance.now();
let lastCpuMs = cpuMs();

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function tick(): void {
  const [nowMs, nowCpuMs] = [performance.now(), cpuMs()];
  const late = nowMs - lastMs - PERIOD_MS;
  lateMs = Math.max(lateMs, late);
  heldMs = Math.max(heldMs, Math.min(late, nowCpuMs - lastCpuMs));
  [lastMs, lastCpuMs] = [nowMs, nowCpuMs];
}

async function answer(connection: Deno.TcpConn): Promise<void> {
  const byte = new Uint8Array(1);
  while (await connection.read(byte) !== null) {
    tick();
    const stalls: Stalls = { lateMs, heldMs };
    lateMs = heldMs = 0;
    await connection.write(new TextEncoder().encode(`${JSON.stringify(stalls)}\n`));
  }
}

async function serve(listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) answer(connection).catch(() => {}); // the asker broke off
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  serve(listener);
  setInterval(tick, PERIOD_MS);
  console.log(`watched on ${listener.addr.port}`);
  if (Deno.args.length > 0) await import("../../src/node.ts");
}
