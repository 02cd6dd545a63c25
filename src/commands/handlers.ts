/**
 * Which handler runs which command. The names are those of the table of command specs, which says everything else
 * about a command; a command without a handler, or a handler without a command, stops the process at load.
 */
import { assert } from "../core/assert.ts";
import { sleep } from "../core/clock.ts";
import { TURN_ARGUMENTS_MIN } from "../core/limits.ts";
import { COMMAND_SPECS } from "../protocol/command_specs.ts";
import { SESSION_HANDLERS, type SessionHandler } from "../serving/session_commands.ts";
import type { Handler } from "./context.ts";
import { decr, decrby, incr, incrby, incrbyfloat } from "./counters.ts";
import {
  expire,
  expireat,
  expiretime,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  pttl,
  ttl,
} from "./expiry.ts";
import { copy, rename, renamenx } from "./key_moves.ts";
import { del, exists, touch, type } from "./keys.ts";
import { dbsize, flushall, keys, randomkey } from "./keyspace.ts";
import { scan } from "./scan.ts";
import { bgsave, lastsave, roundel, save, wait } from "./server.ts";
import { mget, mset, msetnx } from "./several_strings.ts";
import { append, getrange, setrange, strlen } from "./string_ranges.ts";
import { get, getdel, getex, getset, psetex, set, setex, setnx } from "./strings.ts";

const HANDLERS_BY_NAME: Readonly<Record<string, Handler>> = {
  ...Object.fromEntries(
    Object.entries(SESSION_HANDLERS).map(([name, handler]) => [name, answeredHere(handler)]),
  ),
  GET: get,
  SET: set,
  SETNX: setnx,
  SETEX: setex,
  PSETEX: psetex,
  GETSET: getset,
  GETDEL: getdel,
  GETEX: getex,
  MGET: mget,
  MSET: mset,
  MSETNX: msetnx,
  APPEND: append,
  STRLEN: strlen,
  GETRANGE: getrange,
  SUBSTR: getrange,
  SETRANGE: setrange,
  INCR: incr,
  DECR: decr,
  INCRBY: incrby,
  DECRBY: decrby,
  INCRBYFLOAT: incrbyfloat,
  DEL: del,
  UNLINK: del,
  EXISTS: exists,
  TOUCH: touch,
  TYPE: type,
  RENAME: rename,
  RENAMENX: renamenx,
  COPY: copy,
  KEYS: keys,
  SCAN: scan,
  RANDOMKEY: randomkey,
  DBSIZE: dbsize,
  FLUSHDB: flushall,
  FLUSHALL: flushall,
  EXPIRE: expire,
  PEXPIRE: pexpire,
  EXPIREAT: expireat,
  PEXPIREAT: pexpireat,
  TTL: ttl,
  PTTL: pttl,
  EXPIRETIME: expiretime,
  PEXPIRETIME: pexpiretime,
  PERSIST: persist,
  SAVE: save,
  BGSAVE: bgsave,
  LASTSAVE: lastsave,
  ROUNDEL: roundel,
  WAIT: wait,
};

/** What a session's handler says later is said into the node's own reply. */
function answeredHere(handler: SessionHandler): Handler {
  return (context) => {
    const later = handler(context);
    return later?.then((say) => say(context.reply));
  };
}

/** The handler of each command, by its index in `COMMAND_SPECS`. */
export const HANDLERS: readonly Handler[] = COMMAND_SPECS.map(({ name, keys }) => {
  const handler = HANDLERS_BY_NAME[name];
  assert(handler !== undefined, `${name} has a handler`);
  return keys !== null && keys.last < 0 ? inTurnsOfItsOwn(handler) : handler;
});

/**
 * A request of many keys is done at once, so that it is one whole; then others have their turn before the next request
 * of its client, so that a pipeline of such requests holds up nobody for longer than one of them.
 */
function inTurnsOfItsOwn(handler: Handler): Handler {
  return (context) => {
    const pending = handler(context);
    const isLong = context.request.argumentCount > TURN_ARGUMENTS_MIN;
    return isLong && pending === undefined ? sleep(context.clock, 0) : pending;
  };
}

assert(
  Object.keys(HANDLERS_BY_NAME).every((name) => COMMAND_SPECS.some((spec) => spec.name === name)),
  "every handler has a command",
);
