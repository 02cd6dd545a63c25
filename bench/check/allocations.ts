/**
 * Heap bytes that the way of a request costs, told apart by depth: the slope between two deep batches is what every
 * request allocates, which the design wants to be nothing; a batch of one is what a client pays that does not
 * pipeline, with the promises of reading, committing and writing.
 */
const SINGLE = 1;
const SHALLOW = 16;
const DEEP = 64;
/** Compiling in the background would be done at another moment each time. */
const V8_FLAGS =
  "--expose-gc,--min-semi-space-size=128,--max-semi-space-size=128,--no-concurrent-recompilation";
const WORKER = new URL("./allocation_worker.ts", import.meta.url).pathname;

/** Measures node and balancer, each in a process of its own; names of rows with their values. */
export async function measureAllocations(): Promise<[string, number][]> {
  const rows: [string, number][] = [];
  for (const role of ["node", "balancer"]) {
    for (const [command, [single, shallow, deep]] of Object.entries(await runWorker(role))) {
      rows.push([`heap: ${role}, ${command} alone`, single]);
      rows.push([`heap: ${role}, ${command} in a batch`, (deep - shallow) / (DEEP - SHALLOW)]);
    }
  }
  return rows;
}

/** Bytes of a batch at each depth, by command. */
async function runWorker(role: string): Promise<Record<string, [number, number, number]>> {
  const folder = await Deno.makeTempDir({ prefix: "roundel-check-" });
  const depths = [SINGLE, SHALLOW, DEEP].map(String);
  try {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-prompt", `--v8-flags=${V8_FLAGS}`, WORKER, role, folder, ...depths],
    }).output();
    if (!success) {
      throw new Error(`Cannot measure the heap of the ${role}: ${new TextDecoder().decode(stderr)}`);
    }
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
