/**
 * The processes and folders of a run. Whatever was started here is ended here, and whatever was made is removed: at
 * the end, after a failure, and on Ctrl-C.
 */

/** A server that is not ready by then never will be; 4 M entries are read back within it. */
const READY_TIMEOUT_MS = 120_000;
const PROBE_INTERVAL_MS = 2;
const PROBE_TIMEOUT_MS = 2_000;
const STOP_TIMEOUT_MS = 20_000;
/** What is kept of the output of a process, to be shown when it fails. */
const OUTPUT_CHARACTERS_KEPT = 4_000;

export interface Child {
  readonly name: string;
  readonly pid: number;
  /** The end of what it printed. */
  output(): string;
  isOver(): boolean;
  /** SIGTERM, and SIGKILL if that does not help; resolves when it has ended. */
  stop(): Promise<void>;
}

export class Processes {
  readonly #children = new Map<number, Deno.ChildProcess>();
  readonly #folders = new Set<string>();

  /** Runs `command`. Throws `Deno.errors.NotFound` when it is not installed. */
  spawn(command: string, args: readonly string[]): Child {
    const name = command.slice(command.lastIndexOf("/") + 1);
    const process = new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#children.set(process.pid, process);
    let output = "";
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        output = (output + text).slice(-OUTPUT_CHARACTERS_KEPT);
      }
    };
    const collected = Promise.all([collect(process.stdout), collect(process.stderr)]);
    const ended = process.status.then(async () => {
      this.#children.delete(process.pid);
      await collected;
    });
    return {
      name,
      pid: process.pid,
      output: () => output,
      isOver: () => !this.#children.has(process.pid),
      stop: async () => {
        this.#signal(process, "SIGTERM");
        const timer = setTimeout(() => this.#signal(process, "SIGKILL"), STOP_TIMEOUT_MS);
        await ended;
        clearTimeout(timer);
      },
    };
  }

  /** A new folder for data. */
  folder(): string {
    const folder = Deno.makeTempDirSync({ prefix: "roundel-versus-" });
    this.#folders.add(folder);
    return folder;
  }

  removeFolder(folder: string): void {
    Deno.removeSync(folder, { recursive: true });
    this.#folders.delete(folder);
  }

  /** Ends every process at once and removes every folder. */
  close(): void {
    for (const process of this.#children.values()) this.#signal(process, "SIGKILL");
    for (const folder of [...this.#folders]) this.removeFolder(folder);
  }

  #signal(process: Deno.ChildProcess, signal: Deno.Signal): void {
    if (!this.#children.has(process.pid)) return;
    try {
      process.kill(signal);
    } catch (error) {
      // It has just ended by itself.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

export interface Probe {
  readonly port: number;
  readonly request: string;
  /** The answer of a server that is ready begins with this. */
  readonly expected: string;
}

/** Asks until the answer is the expected one. Rejects when `child` ends, or after a time that suffices for all. */
export async function untilAnswers(child: Child, probe: Probe): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (!await answersAsExpected(probe)) {
    if (child.isOver() || performance.now() > deadline) {
      throw new Error(`Cannot start ${child.name}: it is not ready on port ${probe.port}: ${child.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, PROBE_INTERVAL_MS));
  }
}

async function answersAsExpected({ port, request, expected }: Probe): Promise<boolean> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port });
  } catch {
    return false;
  }
  const timer = setTimeout(() => connection.close(), PROBE_TIMEOUT_MS);
  try {
    await connection.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(256);
    let answer = "";
    while (answer.length < expected.length) {
      const count = await connection.read(buffer);
      if (count === null) break;
      answer += new TextDecoder().decode(buffer.subarray(0, count));
      if (!expected.startsWith(answer.slice(0, expected.length))) break;
    }
    return answer.startsWith(expected);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    try {
      connection.close();
    } catch {
      // The timer was first.
    }
  }
}
