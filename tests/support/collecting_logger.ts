/** A logger that keeps what it is told. */
import type { LogFields, Logger } from "../../src/core/logger.ts";

export interface Collected {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: LogFields;
}

export class CollectingLogger implements Logger {
  readonly entries: Collected[] = [];

  debug(message: string, fields: LogFields = {}): void {
    this.entries.push({ level: "debug", message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.entries.push({ level: "info", message, fields });
  }

  warn(message: string, fields: LogFields = {}): void {
    this.entries.push({ level: "warn", message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.entries.push({ level: "error", message, fields });
  }

  /** The entries with this message, in order. */
  of(message: string): Collected[] {
    return this.entries.filter((entry) => entry.message === message);
  }
}
