/**
 * Routing by slots: a key's slot says its node. On the common path, one key, the request's bytes are appended to
 * that node's output as they came, and nothing is allocated. Keys on several nodes become one request per node.
 */
import type { Memory } from "../core/memory.ts";
import { FIRST_KEY, IS_WRITE, KEY_STEP, lastKeyOf } from "../protocol/command_columns.ts";
import { COMMAND_SPECS } from "../protocol/command_specs.ts";
import { wrongArityText } from "../protocol/command_table.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import type { Request } from "../protocol/request.ts";
import { slotOfKey } from "../core/slot.ts";
import { type Caller, dialectFor } from "./caller.ts";
import { ROUTE_KEY, ROUTE_SAME_SLOT, routeOf } from "./routes.ts";
import type { KeyedRouter } from "./keyed_router.ts";
import { first, mergeParts, type Part, placed, sum } from "./merge.ts";
import type { Nodes } from "./nodes.ts";
import type { Upstream } from "../link/upstream.ts";

const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";

/** The part of a split request that goes to one node. */
interface Share {
  readonly upstream: Upstream;
  /** Of its first key. */
  readonly slot: number;
  readonly args: Uint8Array[];
  /** Which keys of the request these are, counted from 0. */
  readonly positions: number[];
}

export class SlotRouter implements KeyedRouter {
  readonly #nodes: Nodes;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  route(
    caller: Caller,
    command: number,
    request: Request,
    source: Memory,
    start: number,
    end: number,
  ): Upstream | null {
    const key = FIRST_KEY[command]!;
    const slot = slotOfKey(request.bytes, request.starts[key]!, request.ends[key]!);
    const upstream = this.#nodes.ofSlot(slot);
    const route = routeOf[command]!;
    if (
      route !== ROUTE_KEY && !this.#sharesOne(command, request, slot, upstream, route === ROUTE_SAME_SLOT)
    ) {
      return route === ROUTE_SAME_SLOT
        ? refuse(caller, request, CROSS_SLOT)
        : this.#split(caller, command, request);
    }
    if (upstream.isFull) return upstream;
    const { batch, session } = caller;
    const tag = batch.open(dialectFor(request, session));
    if (request.isLine) upstream.sendDecoded(batch, tag, slot, IS_WRITE[command] === 1, request);
    else upstream.sendRaw(batch, tag, slot, IS_WRITE[command] === 1, source, start, end);
    return null;
  }

  /** Whether all keys have the slot of the first one (`strictly`), or at least its node. */
  #sharesOne(
    command: number,
    request: Request,
    slot: number,
    upstream: Upstream,
    strictly: boolean,
  ): boolean {
    const last = lastKeyOf(command, request.argumentCount);
    const step = KEY_STEP[command]!;
    for (let i = FIRST_KEY[command]! + step; i <= last; i += step) {
      const other = slotOfKey(request.bytes, request.starts[i]!, request.ends[i]!);
      if (other !== slot && (strictly || this.#nodes.ofSlot(other) !== upstream)) return false;
    }
    return true;
  }

  #split(caller: Caller, command: number, request: Request): Upstream | null {
    if ((request.argumentCount - FIRST_KEY[command]!) % KEY_STEP[command]! !== 0) {
      return refuse(caller, request, wrongArityText(COMMAND_SPECS[command]!));
    }
    const full = this.#nodes.firstFull();
    if (full !== null) return full;
    const { batch, session } = caller;
    const tag = batch.open(dialectFor(request, session));
    batch.answerLater(tag, gather(command, this.#sharesOf(command, request)));
    return null;
  }

  #sharesOf(command: number, request: Request): Share[] {
    const shares = new Map<Upstream, Share>();
    const { bytes, starts, ends } = request;
    const last = lastKeyOf(command, request.argumentCount);
    const step = KEY_STEP[command]!;
    let position = 0;
    for (let i = FIRST_KEY[command]!; i <= last; i += step, position++) {
      const slot = slotOfKey(bytes, starts[i]!, ends[i]!);
      const upstream = this.#nodes.ofSlot(slot);
      let share = shares.get(upstream);
      if (share === undefined) {
        share = { upstream, slot, args: [bytes.subarray(starts[0]!, ends[0]!)], positions: [] };
        shares.set(upstream, share);
      }
      // A key brings along what belongs to it: the value, in MSET.
      for (let j = i; j < i + step; j++) share.args.push(bytes.subarray(starts[j]!, ends[j]!));
      share.positions.push(position);
    }
    return [...shares.values()];
  }
}

/** Sends every share at once, before this returns; resolves to the merged reply when all have answered. */
async function gather(command: number, shares: readonly Share[]): Promise<ReplyValue> {
  const { name, routing } = COMMAND_SPECS[command]!;
  const isWrite = IS_WRITE[command] === 1;
  const asked = shares.map(async ({ upstream, slot, args }): Promise<Part> => {
    return { node: upstream.name, value: await upstream.ask(args, isWrite, slot) };
  });
  const parts = await Promise.all(asked);
  const merge = routing === "split-sum"
    ? sum
    : routing === "split-array"
    ? placed(shares.map((share) => share.positions))
    : first;
  return mergeParts(parts, { command: name, isWrite }, merge);
}

function refuse({ batch, session }: Caller, request: Request, text: string): null {
  batch.answer(batch.open(dialectFor(request, session)), { kind: "error", text });
  return null;
}
