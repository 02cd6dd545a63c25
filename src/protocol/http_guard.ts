/**
 * Knows an HTTP request on the port of the data. A page in somebody's browser can be made to send one whose body
 * is text lines, so it has to be refused before its lines are run. Redis looks for `POST` and `Host:` likewise.
 */
import { equalsWord } from "../core/bytes.ts";
import { argumentIs } from "./arguments.ts";
import type { Request } from "./request.ts";

const PREFIX = "HTTP/";

/** Whether the text line `request`, which has at least one word, belongs to an HTTP request. */
export function looksLikeHttp(request: Request): boolean {
  if (argumentIs(request, 0, "POST") || argumentIs(request, 0, "HOST:")) return true;
  if (request.argumentCount !== 3) return false;
  const start = request.starts[2]!;
  const prefixEnd = start + PREFIX.length;
  return prefixEnd <= request.ends[2]! && equalsWord(request.bytes, start, prefixEnd, PREFIX);
}
