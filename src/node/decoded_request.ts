import { RequestDecoder } from "../protocol/request_decoder.ts";
import type { ShardCopy } from "./shard_copy.ts";

/** A request of a batch, with what the passes over the batch have found out about it. The object is used again. */
export class DecodedRequest {
  /** May be exchanged: a client in the middle of a request keeps the decoder that holds its beginning. */
  request = new RequestDecoder();
  /** Offset behind it in the client's buffer. */
  end = 0;
  /** Index in `COMMAND_SPECS`; −1 when there is no such command. */
  command = -1;
  /** Where its first key belongs; `null` when it has none, or this node does not have it. */
  shard: ShardCopy | null = null;
  /** Of its first key, in that shard's store. */
  hash = 0;
}
