/**
 * Knows an HTTP request on the port of the data. A page in somebody's browser can be made to send one whose body
 * is text lines, so it has to be refused before its lines are run. Redis looks for `POST` and `Host:` likewise.
 *
 * A line that a command takes is that command's, whatever words it has: no method of HTTP that a page may use without
 * asking (GET, HEAD, POST) makes one of a line that ends in `HTTP/…`.
 */
import { equalsWord } from "../core/bytes.ts";
import { argumentIs } from "./arguments.ts";
import { findCommand, wrongCountText } from "./command_table.ts";
import type { Request } from "./request.ts";

const PREFIX = "HTTP/";

/** Whether the line `request`, which has at least one word, belongs to an HTTP request. */
export function looksLikeHttp(request: Request): boolean {
  if (argumentIs(request, 0, "POST") || argumentIs(request, 0, "HOST:")) return true;
  if (request.argumentCount !== 3) return false;
  const { bytes, starts, ends } = request;
  const start = starts[2]!;
  const prefixEnd = start + PREFIX.length;
  if (prefixEnd > ends[2]! || !equalsWord(bytes, start, prefixEnd, PREFIX)) return false;
  const command = findCommand(bytes, starts[0]!, ends[0]!);
  return command < 0 || wrongCountText(command, request.argumentCount) !== "";
}
