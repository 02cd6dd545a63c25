/** The two ways of finding the node for requests with keys. */
import type { Memory } from "../core/memory.ts";
import type { Request } from "../protocol/request.ts";
import type { Caller } from "./caller.ts";
import type { Upstream } from "../link/upstream.ts";

export interface KeyedRouter {
  /**
   * Sends a request of command `command`, which has at least one key, to where it belongs, with the reply going to
   * the caller's batch. As it came from the client it is `source[start, end)`. Returns `null`, or, when nothing was
   * done because a node takes no more requests for now, that node.
   */
  route(
    caller: Caller,
    command: number,
    request: Request,
    source: Memory,
    start: number,
    end: number,
  ): Upstream | null;
}
