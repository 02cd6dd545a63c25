/** The two ways of finding the node for requests with keys. */
import type { Memory } from "../core/memory.ts";
import type { Request } from "../protocol/request.ts";
import type { Caller } from "./caller.ts";
import type { Gate } from "./gate.ts";

/** A request of a command that has at least one key; one object is used for all. */
export interface RoutedRequest {
  request: Request;
  command: number;
  /** As it came from the client it is `source[start, end)`. */
  source: Memory;
  start: number;
  end: number;
}

export interface KeyedRouter {
  /**
   * Sends the request to where it belongs, with the reply going to the caller's outbox. Returns `null`, or, when nothing
   * was done because it has to wait for now, for what.
   */
  route(caller: Caller, routed: RoutedRequest): Gate | null;
}
