/**
 * Guards the numbers that do not depend on how fast a machine is: heap bytes and system calls per request, resident
 * bytes per entry and per connection. Prints a Markdown table; exits with 1, and says why, when one has grown over
 * its bound. Flags: `--without-strace` leaves the system calls out.
 */
import { parseArgs } from "@std/cli/parse-args";
import { measureAllocations } from "./check/allocations.ts";
import { BOUNDS } from "./check/bounds.ts";
import { measureMemory } from "./check/memory.ts";
import { failuresOf, tableOf } from "./check/report.ts";
import { hasStrace, measureSyscalls } from "./check/syscalls.ts";

const withoutStrace = parseArgs(Deno.args, { boolean: ["without-strace"] })["without-strace"] === true;
const measured = new Map<string, number>();
const parts: string[] = [];
const failures: string[] = [];

async function run(part: string, measure: () => Promise<[string, number][]>): Promise<void> {
  const began = performance.now();
  for (const [name, value] of await measure()) measured.set(name, value);
  parts.push(part);
  console.error(`${part}: measured in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

await run("heap", measureAllocations);
if (!withoutStrace) {
  if (await hasStrace()) await run("calls", measureSyscalls);
  else {
    failures.push("calls: cannot be measured, strace is not installed; install it, or pass --without-strace");
  }
}
await run("memory", measureMemory);

failures.push(...failuresOf(BOUNDS, measured, parts));
console.log(tableOf(BOUNDS, measured));
for (const failure of failures) console.error(`failed: ${failure}`);
if (failures.length > 0) Deno.exit(1);
