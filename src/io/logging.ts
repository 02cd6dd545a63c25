/**
 * The process's log: LogTape behind our own small door, configured once. Lines go to standard error, since standard
 * output is for what scripts wait for. Nobody waits for a line to be written.
 */
import { configureSync, getLogger, type LogLevel as TapeLevel, type LogRecord } from "@logtape/logtape";
import { bytesOf } from "../core/bytes.ts";
import { LOG_FLUSH_MS } from "../core/limits.ts";
import type { LogFields, Logger } from "../core/logger.ts";
import { LineWriter } from "./line_writer.ts";
import { formatEntry, type LogFormat, type LogLevel } from "./log_format.ts";

export interface LoggingOptions {
  /** The least level that is shown. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Name of the process, e.g. `node:8081`. */
  readonly name: string;
}

const ROOT = "roundel";

/** The one of the process, or of a worker's thread. */
let writer: LineWriter | null = null;

const TAPE_LEVELS: Record<LogLevel, TapeLevel> = {
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

let configured: LoggingOptions = { level: "info", format: "text", name: ROOT };

/** Decides once for the process what is logged and how it looks. Before that nothing is. */
export function configureLogging(options: LoggingOptions): void {
  configured = options;
  writer = new LineWriter(Deno.stderr, (count) => droppedLine(count, options));
  const standardError = (record: LogRecord) => writer!.write(lineOf(record, options));
  configureSync({
    sinks: { standardError },
    loggers: [
      { category: [ROOT], lowestLevel: TAPE_LEVELS[options.level], sinks: ["standardError"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["standardError"] },
    ],
  });
}

/**
 * Writes a line of level `error` before it returns, for a process that does not go back to its event loop. The only line
 * that waits for its reader.
 */
export function logAtOnce(category: string, message: string, fields: LogFields): void {
  const { name, format } = configured;
  const line = formatEntry({ timeMs: Date.now(), level: "error", name, category, message, fields }, format);
  const bytes = bytesOf(line + "\n");
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // Nobody is left to be told.
  }
}

/** The logger of one part of the process, such as `log` or `upstream`. */
export function loggerOf(category: string): Logger {
  const logger = getLogger([ROOT, category]);
  return {
    debug: (message, fields) => logger.debug(message, { ...fields }),
    info: (message, fields) => logger.info(message, { ...fields }),
    warn: (message, fields) => logger.warn(message, { ...fields }),
    error: (message, fields) => logger.error(message, { ...fields }),
  };
}

function lineOf(record: LogRecord, options: LoggingOptions): string {
  return formatEntry({
    timeMs: record.timestamp,
    level: levelOf(record.level),
    name: options.name,
    category: record.category.at(-1) ?? ROOT,
    // The raw one: our messages are no templates.
    message: typeof record.rawMessage === "string" ? record.rawMessage : record.rawMessage.join(""),
    fields: record.properties,
  }, options.format);
}

function levelOf(level: TapeLevel): LogLevel {
  if (level === "warning") return "warn";
  if (level === "fatal") return "error";
  return level === "trace" ? "debug" : level;
}

function droppedLine(count: number, { name, format }: LoggingOptions): string {
  const message = "log lines were dropped: their reader stood still";
  return formatEntry(
    { timeMs: Date.now(), level: "warn", name, category: "log lines", message, fields: { count } },
    format,
  );
}

/** Resolves when the lines logged so far are written, or their reader has had `LOG_FLUSH_MS` to take them. */
export async function flushLog(): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<void>((resolve) => timer = setTimeout(resolve, LOG_FLUSH_MS));
  await Promise.race([writer?.flushed(), deadline]);
  clearTimeout(timer);
}
