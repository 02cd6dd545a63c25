/** Child processes of Deno itself, and where their lines go. */
import type { LogFormat } from "./log_format.ts";
import { LineWriter } from "./line_writer.ts";
import type { Child, ChildSpec, LineListener, OutputStream, Spawner } from "./child.ts";

/** A longer line is cut into several. */
const LINE_LENGTH_MAX = 65_536;

/** Runs `deno` with a child's arguments: the same one that runs this process. */
export class DenoSpawner implements Spawner {
  spawn(spec: ChildSpec, onLine: LineListener): Child {
    const process = new Deno.Command(Deno.execPath(), {
      args: [...spec.args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const heard = Promise.all([
      hearLines(process.stdout, (line) => onLine(line, "stdout")),
      hearLines(process.stderr, (line) => onLine(line, "stderr")),
    ]);
    const ended = process.status.then(async ({ code, signal }) => {
      await heard;
      // Held open until now: its end tells a child that we are gone.
      await process.stdin.close().catch(() => {});
      return { code, signal };
    });
    return { pid: process.pid, ended, kill: (signal) => killQuietly(process, signal) };
  }
}

async function hearLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let pending = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (pending + text).split("\n");
    pending = lines.pop()!;
    for (const line of lines) onLine(line);
    if (pending.length > LINE_LENGTH_MAX) {
      onLine(pending);
      pending = "";
    }
  }
  if (pending !== "") onLine(pending);
}

function killQuietly(process: Deno.ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(signal);
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Colours that differ from each other and from the terminal's own text. */
const COLOURS = [36, 33, 32, 35, 34, 31];

export interface Terminals {
  /** Whether each stream goes to a terminal that shows colours. */
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** What the process's own two streams are. */
export function terminalsOfProcess(): Terminals {
  return {
    stdout: !Deno.noColor && Deno.stdout.isTerminal(),
    stderr: !Deno.noColor && Deno.stderr.isTerminal(),
  };
}

/**
 * How children's lines are shown among each other: `node:8081     | the line`, the name coloured on a terminal.
 * JSON lines carry the name themselves and stay as they are.
 */
export class LinePrefixes {
  readonly #names: readonly string[];
  readonly #width: number;
  readonly #format: LogFormat;
  readonly #terminals: Terminals;

  constructor(names: readonly string[], format: LogFormat, terminals: Terminals) {
    this.#names = names;
    this.#width = Math.max(...names.map((name) => name.length));
    this.#format = format;
    this.#terminals = terminals;
  }

  show(name: string, line: string, stream: OutputStream): string {
    if (this.#format === "json") return line;
    const prefix = `${name.padEnd(this.#width)} |`;
    if (!this.#terminals[stream]) return `${prefix} ${line}`;
    const colour = COLOURS[this.#names.indexOf(name) % COLOURS.length];
    return `\x1b[${colour}m${prefix}\x1b[0m ${line}`;
  }
}

const writers: Readonly<Record<OutputStream, LineWriter>> = {
  stdout: new LineWriter(Deno.stdout, droppedLine),
  stderr: new LineWriter(Deno.stderr, droppedLine),
};

/** Writes a line to one of this process's own streams. A reader that is gone, or stands still, must not stop the cluster. */
export function printLine(line: string, stream: OutputStream): void {
  writers[stream].write(line);
}

function droppedLine(count: number): string {
  return `${count} lines were dropped: their reader stood still`;
}
