/**
 * The options of `SET` and `GETEX`, which share a grammar. Options stand in any order; those of one group
 * exclude each other, and naming one twice is allowed, the last counting.
 *
 *     SET key value [NX | XX] [GET] [EX seconds | PX ms | EXAT seconds | PXAT ms | KEEPTTL]
 *     GETEX key [EX seconds | PX ms | EXAT seconds | PXAT ms | PERSIST]
 *
 * One object for the process, filled anew by each request.
 */
import { argumentIs } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import {
  MILLISECONDS_FROM_NOW,
  MILLISECONDS_SINCE_1970,
  SECONDS_FROM_NOW,
  SECONDS_SINCE_1970,
  type TimeKind,
} from "./deadlines.ts";

class SetOptions {
  onlyIfMissing = false;
  onlyIfPresent = false;
  returnsOld = false;
  keepsExpiry = false;
  persists = false;
  /** `null` when no time is given. */
  timeKind: TimeKind | null = null;
  timeArgument = 0;

  /** Reads the options of `SET`; false on a syntax error. */
  readSet(request: Request): boolean {
    this.#clear();
    let at = 3;
    while (at < request.argumentCount) {
      if (argumentIs(request, at, "NX") && !this.onlyIfPresent) this.onlyIfMissing = true;
      else if (argumentIs(request, at, "XX") && !this.onlyIfMissing) this.onlyIfPresent = true;
      else if (argumentIs(request, at, "GET")) this.returnsOld = true;
      else if (argumentIs(request, at, "KEEPTTL") && this.timeKind === null) this.keepsExpiry = true;
      else if (!this.keepsExpiry && this.#readTime(request, at)) at++;
      else return false;
      at++;
    }
    return true;
  }

  /** Reads the options of `GETEX`; false on a syntax error. */
  readGetex(request: Request): boolean {
    this.#clear();
    let at = 2;
    while (at < request.argumentCount) {
      if (argumentIs(request, at, "PERSIST") && this.timeKind === null) this.persists = true;
      else if (!this.persists && this.#readTime(request, at)) at++;
      else return false;
      at++;
    }
    return true;
  }

  #clear(): void {
    this.onlyIfMissing = false;
    this.onlyIfPresent = false;
    this.returnsOld = false;
    this.keepsExpiry = false;
    this.persists = false;
    this.timeKind = null;
    this.timeArgument = 0;
  }

  /** Reads a time option at `at` and its value behind it. */
  #readTime(request: Request, at: number): boolean {
    let kind: TimeKind;
    if (argumentIs(request, at, "EX")) kind = SECONDS_FROM_NOW;
    else if (argumentIs(request, at, "PX")) kind = MILLISECONDS_FROM_NOW;
    else if (argumentIs(request, at, "EXAT")) kind = SECONDS_SINCE_1970;
    else if (argumentIs(request, at, "PXAT")) kind = MILLISECONDS_SINCE_1970;
    else return false;
    if (at + 1 === request.argumentCount || (this.timeKind !== null && this.timeKind !== kind)) return false;
    this.timeKind = kind;
    this.timeArgument = at + 1;
    return true;
  }
}

export const setOptions = new SetOptions();
