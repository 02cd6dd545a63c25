/**
 * How a log line looks.
 *
 * text: `12:34:56.789 INFO  node: opened log segment=3`, local time, for a person at a terminal
 * json: `{"time":…,"level":…,"name":…,"category":…,"message":…, …fields}`, for machines
 *
 * Either is exactly one line whatever a field holds, so that no client can forge a line through a name it chose;
 * and formatting never throws.
 */
import type { LogFields } from "../core/logger.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";

export interface LogEntry {
  readonly timeMs: number;
  readonly level: LogLevel;
  /** The process, e.g. `node:8081`. */
  readonly name: string;
  /** The part of the process that speaks, e.g. `log`. */
  readonly category: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A line without its line break. */
export function formatEntry(entry: LogEntry, format: LogFormat): string {
  return format === "json" ? jsonLine(entry) : textLine(entry);
}

function textLine(entry: LogEntry): string {
  const head = `${clockText(entry.timeMs)} ${entry.level.toUpperCase().padEnd(5)} `;
  const fields = Object.entries(entry.fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  return head + oneLine(`${entry.category}: ${entry.message}${fields.join("")}`);
}

function jsonLine(entry: LogEntry): string {
  const { level, name, category, message, fields } = entry;
  const own = { time: new Date(entry.timeMs).toISOString(), level, name, category, message };
  // Own names come first in the line, and win over fields that are called the same.
  return jsonOf({ ...own, ...fields, ...own });
}

function clockText(timeMs: number): string {
  const time = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const milliseconds = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${milliseconds}`;
}

/** Plain words stay as they are; whatever could be misread is quoted. */
function fieldText(value: unknown): string {
  if (typeof value === "object" && value !== null && !(value instanceof Error)) return jsonOf(value);
  const text = value instanceof Error ? value.message : String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, plain);
  } catch {
    // Only what refers to itself cannot be written.
    return JSON.stringify({ unprintable: String(value) });
  }
}

function plain(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Error) return value.message;
  return value;
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f\u2028\u2029]/g, (c) => JSON.stringify(c).slice(1, -1));
}
