/**
 * From the time argument of a command (seconds or milliseconds, from now on or since 1970) to a deadline in
 * milliseconds since 1970. Redis computes it in 64 bits and refuses what overflows them; so does this. Deadlines
 * beyond 2⁵³ ms, 285,000 years ahead, are accepted and kept as 2⁵³−1, which a double holds exactly.
 */
import { parseBigInteger, parseInteger } from "../protocol/arguments.ts";
import { INT64_MAX, INT64_MIN } from "./arguments.ts";
import type { CommandContext } from "./context.ts";
import { invalidExpireTime, NOT_AN_INTEGER } from "./error_texts.ts";

const DEADLINE_MS_MAX = Number.MAX_SAFE_INTEGER;
/** Amounts up to here need no 64-bit arithmetic: in milliseconds and with the time of day added they stay exact. */
const PLAIN_AMOUNT_MAX = 2 ** 42;
/** What {@linkcode readDeadline} returns for what is not a 64-bit integer, and for a deadline beyond 64 bits. */
const INVALID = NaN;
const OVERFLOWN = Infinity;

/** How a time argument counts: by its unit, and from which moment on. */
export interface TimeKind {
  readonly unitMs: 1 | 1000;
  /** Since 1970 rather than from now on. */
  readonly isAbsolute: boolean;
}

export const SECONDS_FROM_NOW: TimeKind = { unitMs: 1000, isAbsolute: false };
export const MILLISECONDS_FROM_NOW: TimeKind = { unitMs: 1, isAbsolute: false };
export const SECONDS_SINCE_1970: TimeKind = { unitMs: 1000, isAbsolute: true };
export const MILLISECONDS_SINCE_1970: TimeKind = { unitMs: 1, isAbsolute: true };

/**
 * The deadline that argument `argument` stands for, for commands that take any time (`EXPIRE` and its kin); it
 * may lie in the past, also before 1970. NaN when it is refused: the error, naming `command`, is said then.
 */
export function anyDeadline(
  context: CommandContext,
  argument: number,
  kind: TimeKind,
  command: string,
): number {
  const deadlineMs = readDeadline(context, argument, kind);
  if (deadlineMs === OVERFLOWN) context.reply.error(invalidExpireTime(command));
  else if (Number.isNaN(deadlineMs)) context.reply.error(NOT_AN_INTEGER);
  else return deadlineMs;
  return NaN;
}

/** As {@linkcode anyDeadline}, for commands that take only a time above 0 (`SET` and its kin). */
export function positiveDeadline(
  context: CommandContext,
  argument: number,
  kind: TimeKind,
  command: string,
): number {
  const deadlineMs = anyDeadline(context, argument, kind, command);
  const baseMs = kind.isAbsolute ? 0 : context.nowMs;
  if (deadlineMs > baseMs || Number.isNaN(deadlineMs)) return deadlineMs;
  context.reply.error(invalidExpireTime(command));
  return NaN;
}

function readDeadline(context: CommandContext, argument: number, kind: TimeKind): number {
  const { bytes, starts, ends } = context.request;
  const baseMs = kind.isAbsolute ? 0 : context.nowMs;
  const amount = parseInteger(bytes, starts[argument]!, ends[argument]!);
  if (amount >= -PLAIN_AMOUNT_MAX && amount <= PLAIN_AMOUNT_MAX) return amount * kind.unitMs + baseMs;
  const wideAmount = parseBigInteger(bytes, starts[argument]!, ends[argument]!);
  if (wideAmount === null) return INVALID;
  const wideMs = wideAmount * BigInt(kind.unitMs);
  if (wideMs < INT64_MIN || wideMs + BigInt(baseMs) > INT64_MAX) return OVERFLOWN;
  return Math.max(-DEADLINE_MS_MAX, Math.min(DEADLINE_MS_MAX, Number(wideMs) + baseMs));
}
