/**
 * Routing by slots: a key's slot says its node. On the common path, one key, the request's bytes are appended to
 * that node's output as they came, and nothing is allocated. Keys on several nodes become one request per node, and where
 * shards have several copies, and so may part at any time, one per shard.
 */
import { FIRST_KEY, IS_WRITE, KEY_STEP, lastKeyOf } from "../protocol/command_columns.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import { isTooLong } from "../link/ask.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../core/limits.ts";
import { COMMAND_SPECS } from "../protocol/command_specs.ts";
import { wrongArityText } from "../protocol/command_table.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import type { Request } from "../protocol/request.ts";
import { RequestDecoder } from "../protocol/request_decoder.ts";
import { encodeDecoded, encodeRequest } from "../protocol/request_encoder.ts";
import { KEY_TOO_LONG, VALUE_TOO_LONG } from "../protocol/size_errors.ts";
import { slotOfKey } from "../core/slot.ts";
import { type Caller, dialectFor } from "./caller.ts";
import { ROUTE_KEY, ROUTE_SAME_SLOT, routeOf } from "./routes.ts";
import type { KeyedRouter, RoutedRequest } from "./keyed_router.ts";
import { effectOn, effectOnSeveral } from "./effects.ts";
import type { LongReplies, Piece } from "./long_replies.ts";
import { first, itemsOf, mergeParts, type Part, placed, sum } from "./merge.ts";
import type { Gate } from "./gate.ts";
import type { Nodes } from "./nodes.ts";
import type { PortionedReply } from "./portioned_reply.ts";
import type { RemoteNode } from "./remote_node.ts";

const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";

/** The part of a split request that goes to one node together. */
interface Share {
  readonly node: RemoteNode;
  /** Of its first key. */
  readonly slot: number;
  readonly args: Uint8Array[];
  /** Which keys of the request these are, counted from 0. */
  readonly positions: number[];
}

export class SlotRouter implements KeyedRouter {
  readonly #nodes: Nodes;
  readonly #longReplies: LongReplies;

  constructor(nodes: Nodes, longReplies: LongReplies) {
    this.#nodes = nodes;
    this.#longReplies = longReplies;
  }

  route(caller: Caller, { request, command, source, start, end }: RoutedRequest): Gate | null {
    const key = FIRST_KEY[command]!;
    const slot = slotOfKey(request.bytes, request.starts[key]!, request.ends[key]!);
    const route = routeOf[command]!;
    if (route !== ROUTE_KEY && !this.#sharesOne(command, request, slot, route === ROUTE_SAME_SLOT)) {
      return route === ROUTE_SAME_SLOT
        ? refuse(caller, request, CROSS_SLOT)
        : this.#split(caller, command, request);
    }
    const isWrite = IS_WRITE[command] === 1;
    const gate = this.#nodes.gateOf(slot, isWrite);
    if (gate !== null) return gate;
    const node = this.#nodes.ofSlot(slot);
    const { outbox, session } = caller;
    const effect = route === ROUTE_KEY || route === ROUTE_SAME_SLOT
      ? effectOn(slot, isWrite)
      : effectOnSeveral(isWrite);
    const tag = outbox.open(dialectFor(request, session), effect);
    if (request.isLine) encodeDecoded(node.outgoing, request);
    else node.outgoing.append(source, start, end);
    node.added(outbox, tag, slot, isWrite);
    return null;
  }

  /** Whether all keys have the slot of the first one (`strictly`), or at least are asked together with it. */
  #sharesOne(command: number, request: Request, slot: number, strictly: boolean): boolean {
    const group = this.#nodes.groupOf(slot);
    const last = lastKeyOf(command, request.argumentCount);
    const step = KEY_STEP[command]!;
    for (let i = FIRST_KEY[command]! + step; i <= last; i += step) {
      const other = slotOfKey(request.bytes, request.starts[i]!, request.ends[i]!);
      if (other !== slot && (strictly || this.#nodes.groupOf(other) !== group)) return false;
    }
    return true;
  }

  #split(caller: Caller, command: number, request: Request): Gate | null {
    if ((request.argumentCount - FIRST_KEY[command]!) % KEY_STEP[command]! !== 0) {
      return refuse(caller, request, wrongArityText(COMMAND_SPECS[command]!));
    }
    const problem = this.#problemOf(command, request);
    if (problem !== "") return refuse(caller, request, problem);
    const gate = this.#nodes.firstFull(IS_WRITE[command] === 1) ?? this.#gateOf(command, request);
    if (gate !== null) return gate;
    const { outbox, session } = caller;
    const tag = outbox.open(dialectFor(request, session), effectOnSeveral(IS_WRITE[command] === 1));
    outbox.answerLater(tag, this.#gather(command, request));
    return null;
  }

  /** Sends every share at once, before this returns; resolves to the merged reply when all have answered. */
  async #gather(command: number, request: Request): Promise<ReplyValue | PortionedReply> {
    const { name, routing } = COMMAND_SPECS[command]!;
    const shares = this.#sharesOf(command, request);
    // The keys of a read may be needed again, when the bytes that they lie in have been used for something else.
    const kept = new OutputBuffer();
    if (routing === "split-array") encodeDecoded(kept, request);
    const isWrite = IS_WRITE[command] === 1;
    const asked = shares.map(async ({ node, slot, args }): Promise<Part> => {
      return { node: node.name, value: await node.ask(args, isWrite, slot) };
    });
    const parts = await Promise.all(asked);
    if (routing === "split-sum") return mergeParts(parts, { command: name, isWrite }, sum);
    if (routing !== "split-array") return mergeParts(parts, { command: name, isWrite }, first);
    const isLong = parts.map(({ value }) => isTooLong(value));
    if (!isLong.includes(true)) {
      return mergeParts(parts, { command: name, isWrite }, placed(shares.map((share) => share.positions)));
    }
    // What is wrong with another part fails the whole.
    const others = parts.filter((_, i) => !isLong[i]);
    if (others.some(({ value }) => value.kind === "error")) {
      return mergeParts(others, { command: name, isWrite }, first);
    }
    return this.#longReplies.arrayOf(piecesOf(kept.view(), shares, parts));
  }

  /** What is wrong with a key or what belongs to it: no node is to do its part when another one will refuse its own. */
  #problemOf(command: number, { starts, ends, argumentCount }: Request): string {
    const first = FIRST_KEY[command]!;
    const step = KEY_STEP[command]!;
    const last = lastKeyOf(command, argumentCount) + step - 1;
    for (let i = first; i <= last; i++) {
      const isKey = (i - first) % step === 0;
      const length = ends[i]! - starts[i]!;
      if (isKey && length > KEY_BYTES_MAX) return KEY_TOO_LONG;
      if (!isKey && length > VALUE_BYTES_MAX) return VALUE_TOO_LONG;
    }
    return "";
  }

  /** What holds up any of the keys for now. */
  #gateOf(command: number, request: Request): Gate | null {
    const isWrite = IS_WRITE[command] === 1;
    const last = lastKeyOf(command, request.argumentCount);
    for (let i = FIRST_KEY[command]!; i <= last; i += KEY_STEP[command]!) {
      const slot = slotOfKey(request.bytes, request.starts[i]!, request.ends[i]!);
      const gate = this.#nodes.gateOf(slot, isWrite);
      if (gate !== null) return gate;
    }
    return null;
  }

  #sharesOf(command: number, request: Request): Share[] {
    const shares = new Map<number, Share>();
    const { bytes, starts, ends } = request;
    const last = lastKeyOf(command, request.argumentCount);
    const step = KEY_STEP[command]!;
    let position = 0;
    for (let i = FIRST_KEY[command]!; i <= last; i += step, position++) {
      const slot = slotOfKey(bytes, starts[i]!, ends[i]!);
      const group = this.#nodes.groupOf(slot);
      let share = shares.get(group);
      if (share === undefined) {
        share = {
          node: this.#nodes.ofSlot(slot),
          slot,
          args: [bytes.subarray(starts[0]!, ends[0]!)],
          positions: [],
        };
        shares.set(group, share);
      }
      // A key brings along what belongs to it: the value, in MSET.
      for (let j = i; j < i + step; j++) share.args.push(bytes.subarray(starts[j]!, ends[j]!));
      share.positions.push(position);
    }
    return [...shares.values()];
  }
}

/** The values that are there, and a `GET` for each key of the shares whose replies are too long; in the order of `request`. */
function piecesOf(
  request: Uint8Array<ArrayBuffer>,
  shares: readonly Share[],
  parts: readonly Part[],
): Piece[] {
  const decoder = new RequestDecoder();
  decoder.decode(request, 0, request.length);
  const pieces: Piece[] = [];
  shares.forEach(({ positions }, i) => {
    const part = parts[i]!;
    positions.forEach((position, j) => {
      const start = decoder.starts[position + 1]!;
      const end = decoder.ends[position + 1]!;
      pieces[position] = isTooLong(part.value) ? getRequest(request.slice(start, end)) : itemsOf(part)[j]!;
    });
  });
  return pieces;
}

function getRequest(key: Uint8Array): Piece {
  const output = new OutputBuffer();
  encodeRequest(output, ["GET", key]);
  return { request: output.view(), to: slotOfKey(key, 0, key.length), isWrite: false };
}

function refuse({ outbox, session }: Caller, request: Request, text: string): null {
  outbox.answer(outbox.open(dialectFor(request, session)), { kind: "error", text });
  return null;
}
