/** One attack as a process of its own, so that it does not slow down whoever measures: `attacker.ts KIND HOST PORT SEED MS`. */
import { SeededRandom } from "../support/seeded_random.ts";
import { TRAFFIC } from "./traffic.ts";

const [kind, host, port, seed, ms] = Deno.args;
const attack = TRAFFIC[kind!]!;
globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());
const untilMs = performance.now() + Number(ms);
// A connection into nowhere is tried for minutes.
setTimeout(() => Deno.exit(0), Number(ms) + 1_000);
await attack({ host: host!, port: Number(port), random: new SeededRandom(Number(seed)), untilMs });
Deno.exit(0);
