/** `CONFIG GET`. Settings are flags of the process: nothing here changes them. */
import { bytesOf, latin1Of } from "../core/bytes.ts";
import { KIB, PATTERN_BYTES_MAX, REQUEST_NAMES_MAX } from "../core/limits.ts";
import { Glob, PATTERN_TOO_LONG } from "../protocol/glob.ts";
import { containerOf } from "../protocol/subcommands.ts";
import type { SessionContext, SessionHandler } from "./session_context.ts";

/** Nobody writes a longer pattern for a name as short as a setting's: it is not looked at, and matches none. */
const SETTING_PATTERN_BYTES_MAX = KIB;
const TOO_MANY_PATTERNS = `ERR CONFIG GET takes at most ${REQUEST_NAMES_MAX} patterns`;

/** `CONFIG GET pattern [pattern ...]`: the settings that a pattern matches, each once. */
export const config: SessionHandler = containerOf("CONFIG", { GET: get });

function get({ request, server, reply }: SessionContext): void {
  const { bytes, starts, ends, argumentCount } = request;
  if (argumentCount - 2 > REQUEST_NAMES_MAX) return reply.error(TOO_MANY_PATTERNS);
  const globs: Glob[] = [];
  for (let i = 2; i < argumentCount; i++) {
    const length = ends[i]! - starts[i]!;
    if (length > PATTERN_BYTES_MAX) return reply.error(PATTERN_TOO_LONG);
    if (length <= SETTING_PATTERN_BYTES_MAX) {
      globs.push(new Glob(bytesOf(latin1Of(bytes, starts[i]!, ends[i]!).toLowerCase())));
    }
  }
  const found = server.settings().filter(([name]) => globs.some((glob) => glob.matches(bytesOf(name))));
  reply.mapStart(found.length);
  for (const [name, value] of found) {
    reply.bulkText(name);
    reply.bulkText(value);
  }
}
