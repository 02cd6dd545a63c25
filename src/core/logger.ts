/** Log lines, passed in: a room says what happened, the process decides who sees it. */

/** Details of a log line, by name; units are part of the names. */
export type LogFields = Readonly<Record<string, unknown>>;

/** `message` is a short phrase that stays the same; what varies goes into `fields`. */
export interface Logger {
  /** For those who follow the program step by step. */
  debug(message: string, fields?: LogFields): void;
  /** What an operator may want to read later: started, took over, wrote a dump. */
  info(message: string, fields?: LogFields): void;
  /** Something is off and was dealt with. */
  warn(message: string, fields?: LogFields): void;
  /** Something is off and needs a person. */
  error(message: string, fields?: LogFields): void;
}
