/**
 * Roundel and its peers side by side: starts all of them with equal durability, lets them take turns under the same
 * load, and prints what came of it. `deno task bench:versus --help` tells what can be chosen.
 */
import { againstReport, isSlower, measureAgainst } from "./versus/against.ts";
import { goalOf, nameOf, PRESETS, stagesOf } from "./versus/cells.ts";
import { BINARIES, type CellResult, runStage } from "./versus/contest.ts";
import { measureMemory, memoryReport, type MemoryResult } from "./versus/memory.ts";
import { dumpReport, type DumpResult, measureDump } from "./versus/dump.ts";
import { HELP, readOptions, type VersusOptions } from "./versus/options.ts";
import { type LoopResult, loopsReport, measureLoops } from "./versus/loops.ts";
import { measureMixed, mixedReport, type MixedResult } from "./versus/mixed.ts";
import { missingBinaries } from "./versus/peers.ts";
import { plotOf } from "./versus/plot.ts";
import { Processes } from "./versus/processes.ts";
import { measureRecovery, recoveryReport, type RecoveryResult } from "./versus/recovery.ts";
import { contestReport, preamble, ratiosOf } from "./versus/report.ts";
import { measureScale, scaleReport, type ScaleResult } from "./versus/scale.ts";
import { checkOut, type WorkTree } from "./versus/work_tree.ts";

const SMALL = [1_000_000];
const SMALL_AND_LARGE = [1_000_000, 4_000_000];

const progress = (line: string) => console.error(line);

async function measureAll(processes: Processes, options: VersusOptions): Promise<void> {
  const missing = await missingBinaries();
  for (const name of missing) progress(`${name} is not installed: what needs it is left out`);
  const has = (names: readonly string[]) => !names.some((name) => missing.includes(name));
  const { preset, parts, rounds } = options;
  // What the balancer adds and the runtime's own limit are no part of the quick preset, but may be asked for.
  const isAmongTargets = parts.some((part) => part === "hop" || part === "runtime");
  const wanted = (preset === "quick" && isAmongTargets ? PRESETS.targets : PRESETS[preset])
    .filter((cell) => parts.includes(cell.subject) && has(BINARIES[cell.subject]) && options.wants(cell));
  const results: CellResult[] = [];
  for (const stage of stagesOf(wanted)) {
    results.push(...await runStage(processes, stage, { ...options, progress }));
  }
  const entryCounts = preset === "quick" ? SMALL : SMALL_AND_LARGE;
  const scales: ScaleResult[] = [];
  const loops: LoopResult[] = [];
  const mixed: MixedResult[] = [];
  const dumps: DumpResult[] = [];
  const memory: MemoryResult[] = [];
  const recoveries: RecoveryResult[] = [];
  if (parts.includes("loops") && has(["redis-benchmark"])) {
    loops.push(...await measureLoops(processes, { rounds, hasRedis: has(["redis-server"]), progress }));
  }
  if (parts.includes("mixed") && has(BINARIES.node)) {
    mixed.push(...await measureMixed(processes, { ...options, hasTwemproxy: has(["nutcracker"]), progress }));
  }
  if (parts.includes("scale") && has(BINARIES.node)) {
    scales.push(...await measureScale(processes, { ...options, progress }));
  }
  if (parts.includes("dump") && has(["redis-server"])) {
    dumps.push(...await measureDump(processes, { rounds, progress }));
  }
  if (parts.includes("memory")) {
    for (const entryCount of entryCounts) {
      memory.push(await measureMemory(processes, { entryCount, missing, progress }));
    }
  }
  if (parts.includes("recovery") && has(["redis-server"])) {
    for (const entryCount of [0, ...entryCounts]) {
      recoveries.push(...await measureRecovery(processes, { entryCount, rounds, progress }));
    }
  }
  const command = ["deno task bench:versus", ...Deno.args].join(" ");
  const report = [
    preamble({ rounds, missing, command }),
    ...(results.length > 0 ? [contestReport(results)] : []),
    ...(mixed.length > 0 ? [mixedReport(mixed)] : []),
    ...(loops.length > 0 ? [loopsReport(loops)] : []),
    ...(scales.length > 0 ? [scaleReport(scales)] : []),
    ...(dumps.length > 0 ? [dumpReport(dumps)] : []),
    ...(memory.length > 0 ? [memoryReport(memory)] : []),
    ...(recoveries.length > 0 ? [recoveryReport(recoveries)] : []),
  ].join("\n\n");
  console.log(report);
  if (options.out !== undefined) writeFile(options.out, `${report}\n`);
  if (options.svg !== undefined) writeFile(options.svg, plotOf(results.map(barOf)));
}

/** Whether this tree is as fast as the other revision. */
async function measureOther(processes: Processes, tree: WorkTree, options: VersusOptions): Promise<boolean> {
  const missing = await missingBinaries();
  if (missing.includes("redis-benchmark")) {
    throw new Error("Cannot measure: redis-benchmark is not installed");
  }
  const subjects = (["node", "cluster"] as const).filter((subject) => options.parts.includes(subject));
  const results = await measureAgainst(processes, tree, { ...options, subjects, progress });
  const report = againstReport(results, tree.name);
  console.log(report);
  if (options.out !== undefined) writeFile(options.out, `${report}\n`);
  return !results.some(isSlower);
}

/** Makes the folder, too, where there is none. */
function writeFile(path: string, text: string): void {
  const end = path.lastIndexOf("/");
  if (end > 0) Deno.mkdirSync(path.slice(0, end), { recursive: true });
  Deno.writeTextFileSync(path, text);
}

function barOf(result: CellResult) {
  const { subject } = result.cell;
  const goal = goalOf(result.cell)?.ratioMin;
  return {
    group: `${subject === "runtime" ? "node" : subject === "hop" ? "cluster" : subject} ÷ ${result.peerName}`,
    label: nameOf(result.cell),
    ratio: ratiosOf(result),
    ...(goal === undefined ? {} : { goal }),
  };
}

async function main(): Promise<number> {
  let options: VersusOptions | undefined;
  let tree: WorkTree | undefined;
  try {
    options = readOptions(Deno.args);
    if (options?.against !== undefined) tree = checkOut(options.against);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    console.error(error.message);
    return 2;
  }
  if (options === undefined) {
    console.log(HELP);
    return 0;
  }
  const processes = new Processes();
  const close = () => {
    processes.close();
    tree?.remove();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      close();
      Deno.exit(130);
    });
  }
  try {
    if (tree !== undefined) return await measureOther(processes, tree, options) ? 0 : 1;
    await measureAll(processes, options);
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  } finally {
    close();
  }
}

Deno.exit(await main());
