/**
 * Finds out what a request is and who answers it: this balancer, the node of its key, or all nodes. The reply goes
 * to the caller's outbox, now or later.
 */
import type { Memory } from "../core/memory.ts";
import { ARGUMENTS_MAX, ARITY } from "../protocol/command_columns.ts";
import { findCommand, fitsArity, unknownCommandText, wrongCountText } from "../protocol/command_table.ts";
import type { Request } from "../protocol/request.ts";
import type { Caller } from "./caller.ts";
import { ROUTE_LOCAL, ROUTE_OTHER, routeOf } from "./routes.ts";
import type { FanOut } from "./fan_out.ts";
import type { KeyedRouter, RoutedRequest } from "./keyed_router.ts";
import type { LocalCommands } from "./local_commands.ts";
import type { Gate } from "./gate.ts";

export class Dispatcher {
  readonly #keyed: KeyedRouter;
  readonly #fanOut: FanOut;
  readonly #local: LocalCommands;
  readonly #routed = {} as RoutedRequest;

  constructor(keyed: KeyedRouter, fanOut: FanOut, local: LocalCommands) {
    this.#keyed = keyed;
    this.#fanOut = fanOut;
    this.#local = local;
  }

  /**
   * Gives `request`, which came as `source[start, end)`, to whoever answers it. Returns `null`; or, when it has to wait for now
   * and nothing was done, for what.
   */
  dispatch(caller: Caller, request: Request, source: Memory, start: number, end: number): Gate | null {
    const gate = this.#fanOut.gateOf(caller);
    if (gate !== null) return gate;
    const command = findCommand(request.bytes, request.starts[0]!, request.ends[0]!);
    if (command < 0) return this.refuse(caller, request, unknownCommandText(request));
    const { argumentCount } = request;
    if (!fitsArity(ARITY[command]!, argumentCount) || argumentCount > ARGUMENTS_MAX[command]!) {
      return this.refuse(caller, request, wrongCountText(command, argumentCount));
    }
    caller.session.lastCommand = command;
    const route = routeOf[command]!;
    if (route === ROUTE_LOCAL) {
      this.#local.run(caller, command, request);
      return null;
    }
    if (route === ROUTE_OTHER) return this.#fanOut.route(caller, command, request);
    const routed = this.#routed;
    routed.request = request;
    routed.command = command;
    routed.source = source;
    routed.start = start;
    routed.end = end;
    return this.#keyed.route(caller, routed);
  }

  /** Answers with an error. */
  refuse(caller: Caller, request: Request, text: string): null {
    this.#local.refuse(caller, request, text);
    return null;
  }
}
