/** A process whose event loop is watched, and the question how long it was held. */
import type { Child, Processes } from "../versus/processes.ts";
import type { Stalls } from "./watched.ts";

const SCRIPT = new URL("./watched.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const LOOK_INTERVAL_MS = 10;

export class StallWatch {
  readonly child: Child;
  readonly #connection: Deno.TcpConn;

  private constructor(child: Child, connection: Deno.TcpConn) {
    this.child = child;
    this.#connection = connection;
  }

  /** Starts a node with `args`, or without any a loop that has nothing to do. */
  static async start(processes: Processes, args: readonly string[]): Promise<StallWatch> {
    const child = processes.spawn(Deno.execPath(), [
      ...["run", "--no-prompt", "--allow-all", `--config=${CONFIG}`, SCRIPT],
      ...args,
    ]);
    while (!child.isOver()) {
      const found = /watched on (\d+)/.exec(child.output());
      if (found === null) await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
      else {return new StallWatch(
          child,
          await Deno.connect({ hostname: "127.0.0.1", port: Number(found[1]) }),
        );}
    }
    throw new Error(`Cannot watch a loop: the process ended: ${child.output()}`);
  }

  /** The longest times since the last call, or the start. */
  async read(): Promise<Stalls> {
    await this.#connection.write(new Uint8Array(1));
    const buffer = new Uint8Array(256);
    const count = await this.#connection.read(buffer);
    return JSON.parse(new TextDecoder().decode(buffer.subarray(0, count ?? 0)));
  }
}
