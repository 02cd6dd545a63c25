/**
 * `ROUNDEL PLACE`, `APPEND`, `FREEZE` and `RESUME`: what the nodes of a cluster, and its controller, say to a node about
 * the copies that it keeps. Grammars: `replication/place.ts`, `replication/batch.ts`, `protocol/roundel_exchange.ts`.
 */
import type { CommandContext } from "../commands/context.ts";
import { textOf } from "../core/bytes.ts";
import { SHARD_COUNT_MAX } from "../core/limits.ts";
import { OutputBuffer } from "../core/output_buffer.ts";
import type { FrozenPlace, FrozenPlaces } from "../protocol/roundel_exchange.ts";
import { Receiver } from "../replication/receiver.ts";
import type { Roles } from "./roles.ts";

const NUMBER = /^(0|[1-9]\d{0,9})$/;
const BAD_NUMBERS = "ERR A shard or an epoch is not a number";

export class ReplicaAdmin {
  readonly #roles: Roles;
  readonly #receiver: Receiver;
  readonly #results = new OutputBuffer();

  constructor(roles: Roles) {
    this.#roles = roles;
    this.#receiver = new Receiver(roles);
  }

  /** `ROUNDEL PLACE <shard> <epoch>` */
  place(context: CommandContext, writeRefusal: string): void {
    const { request, reply } = context;
    // It is not to become one of those that commits wait for.
    if (writeRefusal !== "") return reply.error(`READONLY ${writeRefusal}`);
    const numbers = numbersOf(request, 2);
    if (numbers === null) return reply.error(BAD_NUMBERS);
    const { json, error, position } = this.#receiver.place(numbers[0]!, numbers[1]!);
    if (error !== "") return reply.error(error);
    reply.bulkText(json);
    context.waitForLog(position);
  }

  /** `ROUNDEL APPEND <batch>`: the reply to one without records waits for nothing. */
  append(context: CommandContext, writeRefusal: string): void {
    const { request: { bytes, starts, ends }, reply } = context;
    // Records that cannot be made durable are not taken; and who takes none should not keep its primary waiting.
    if (writeRefusal !== "") return reply.error(`READONLY ${writeRefusal}`);
    const received = this.#receiver.receive(bytes, starts[2]!, ends[2]!);
    if (received.error !== "") return reply.error(`ERR Cannot take the batch: ${received.error}`);
    const results = this.#results;
    results.clear();
    received.answer(results);
    reply.bulk(results.bytes, 0, results.length);
    context.waitForLog(received.position);
  }

  /** `ROUNDEL FREEZE <shard> <epoch> [<shard> <epoch> …]` */
  freeze({ request, reply }: CommandContext, incarnation: string): void {
    const numbers = numbersOf(request, 2);
    if (numbers === null || numbers.length % 2 !== 0) return reply.error(BAD_NUMBERS);
    const places: FrozenPlace[] = [];
    for (let i = 0; i < numbers.length; i += 2) {
      const place = this.#roles.freeze(numbers[i]!, numbers[i + 1]!);
      if (place !== null) places.push(place);
    }
    const frozen: FrozenPlaces = { incarnation, places };
    reply.bulkText(JSON.stringify(frozen));
  }

  /** `ROUNDEL RESUME <shard> [<shard> …]` */
  resume({ request, session, reply }: CommandContext): void {
    const shards = numbersOf(request, 2);
    if (shards === null) return reply.error(BAD_NUMBERS);
    for (const shard of shards) session.refusedShards?.delete(shard);
    reply.ok();
  }
}

/** The arguments from `first` on as numbers; `null` where one is none, or there are too many. */
function numbersOf(
  { bytes, starts, ends, argumentCount }: CommandContext["request"],
  first: number,
): number[] | null {
  if (argumentCount - first > 2 * SHARD_COUNT_MAX) return null;
  const numbers: number[] = [];
  for (let i = first; i < argumentCount; i++) {
    const text = textOf(bytes, starts[i]!, ends[i]!);
    if (!NUMBER.test(text)) return null;
    numbers.push(Number(text));
  }
  return numbers;
}
