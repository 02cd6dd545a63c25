/**
 * Finds out what a request is and who answers it: this balancer, the node of its key, or all nodes. The reply goes
 * to the caller's batch, now or later.
 */
import type { Memory } from "../core/memory.ts";
import { ARGUMENTS_MAX, ARITY, FIRST_KEY, IS_WRITE } from "../protocol/command_columns.ts";
import { findCommand, fitsArity, unknownCommandText, wrongCountText } from "../protocol/command_table.ts";
import type { Request } from "../protocol/request.ts";
import { type Caller, dialectFor } from "./caller.ts";
import { ROUTE_LOCAL, ROUTE_OTHER, routeOf } from "./routes.ts";
import type { FanOut } from "./fan_out.ts";
import type { KeyedRouter } from "./keyed_router.ts";
import type { LocalCommands } from "./local_commands.ts";
import type { Nodes } from "./nodes.ts";
import type { Upstream } from "../link/upstream.ts";

export class Dispatcher {
  readonly #nodes: Nodes;
  readonly #keyed: KeyedRouter;
  readonly #fanOut: FanOut;
  readonly #local: LocalCommands;

  constructor(nodes: Nodes, keyed: KeyedRouter, fanOut: FanOut, local: LocalCommands) {
    this.#nodes = nodes;
    this.#keyed = keyed;
    this.#fanOut = fanOut;
    this.#local = local;
  }

  /**
   * Gives `request`, which came as `source[start, end)`, to whoever answers it. Returns `null`; or, when a node takes
   * no more requests for now and nothing was done, that node.
   */
  dispatch(caller: Caller, request: Request, source: Memory, start: number, end: number): Upstream | null {
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
    const firstKey = FIRST_KEY[command]!;
    if (firstKey === 0 || firstKey >= request.argumentCount) {
      return this.#deal(caller, command, request, source, start, end);
    }
    return this.#keyed.route(caller, command, request, source, start, end);
  }

  /** Answers with an error. */
  refuse(caller: Caller, request: Request, text: string): null {
    this.#local.refuse(caller, request, text);
    return null;
  }

  /** A request without a key goes to the next node in turn. */
  #deal(
    { batch, session }: Caller,
    command: number,
    request: Request,
    source: Memory,
    start: number,
    end: number,
  ): Upstream | null {
    const upstream = this.#nodes.upstreams[this.#nodes.deal()]!;
    if (upstream.isFull) return upstream;
    const tag = batch.open(dialectFor(request, session));
    if (request.isLine) upstream.sendDecoded(batch, tag, -1, IS_WRITE[command] === 1, request);
    else upstream.sendRaw(batch, tag, -1, IS_WRITE[command] === 1, source, start, end);
    return null;
  }
}
