/**
 * Leads many lives of the crash property, or as many as it takes to miss a measure that is left out:
 *
 *     deno task soak:crash --lives 100000 --seed 1 [--omit all]
 */
import { parseArgs } from "@std/cli/parse-args";
import { live } from "./crash_life.ts";
import { type Omission, OMISSIONS } from "./omitting_disk.ts";

const PROGRESS_MS = 10_000;

const flags = parseArgs(Deno.args, { string: ["lives", "seed", "omit"] });
const lives = Number(flags.lives ?? 100_000);
const first = Number(flags.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!);

/** Leads the lives, and returns the number of the first that went wrong, with its error; `null` when none did. */
async function lead(omission: Omission | null): Promise<{ life: number; error: unknown } | null> {
  const beganMs = performance.now();
  let toldMs = beganMs;
  for (let life = 1; life <= lives; life++) {
    try {
      await live((first + life - 1) >>> 0, omission);
    } catch (error) {
      return { life, error };
    }
    if (performance.now() - toldMs < PROGRESS_MS && life < lives) continue;
    toldMs = performance.now();
    console.log(`${life} lives from seed ${first}, ${Math.round(life / (toldMs - beganMs) * 1000)} a second`);
  }
  return null;
}

if (flags.omit === undefined) {
  const failure = await lead(null);
  if (failure !== null) throw failure.error;
} else {
  for (const [what, omission] of Object.entries(OMISSIONS)) {
    const failure = await lead(omission);
    console.log(`${what}: ${failure === null ? "not found" : `found after ${failure.life} lives`}`);
  }
}
