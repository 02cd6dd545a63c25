/** The resident memory of each process, several times a second, against its bound. */
import { MIB } from "../../src/core/limits.ts";
import type { Record } from "./record.ts";
import { sleep } from "../support/random_choice.ts";
import type { Watched } from "./stage.ts";

const PERIOD_MS = 200;

export class MemoryWatch {
  /** The most that was seen of each, in bytes, and what it may be. */
  readonly peaks = new Map<string, { peak: number; max: number }>();
  readonly #record: Record;

  constructor(record: Record) {
    this.#record = record;
  }

  async run(watched: () => readonly Watched[], stop: AbortSignal): Promise<void> {
    const told = new Set<number>();
    while (!stop.aborted) {
      for (const { name, pid, bytesMax } of watched()) {
        const bytes = await peakBytesOf(pid);
        const { peak } = this.peaks.get(name) ?? { peak: 0 };
        this.peaks.set(name, { peak: Math.max(peak, bytes), max: bytesMax });
        if (bytes <= bytesMax || told.has(pid)) continue;
        told.add(pid);
        const [is, most] = [bytes, bytesMax].map((count) => Math.round(count / MIB));
        this.#record.violation(
          `${name} (pid ${pid}) holds ${is} MB, its bound is ${most} MB; under way: ${this.#record.underWay}`,
        );
      }
      await sleep(PERIOD_MS);
    }
  }
}

/** The most that a process has held so far, as the kernel counts; 0 when it is gone. */
async function peakBytesOf(pid: number): Promise<number> {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(await Deno.readTextFile(`/proc/${pid}/status`)) ?? [];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}
