/** Mutations as a test wants them. */
import { bytesOf } from "../../src/core/bytes.ts";
import { KIND_SET, Mutation } from "../../src/core/mutation.ts";

export interface MutationFields {
  readonly kind?: number;
  readonly shard?: number;
  readonly epoch?: number;
  readonly sequence?: number;
  readonly key?: string | Uint8Array;
  readonly value?: string | Uint8Array | undefined;
  readonly expiresAtMs?: number;
  readonly database?: number;
  readonly type?: number;
}

/** A new mutation, a set unless another kind is given. */
export function mutationOf({ key = "", value = "", ...fields }: MutationFields): Mutation {
  const mutation = Object.assign(new Mutation(), { kind: KIND_SET }, fields);
  const [keyBytes, valueBytes] = [key, value].map((it) => typeof it === "string" ? bytesOf(it) : it);
  mutation.setKey(keyBytes!, 0, keyBytes!.length);
  mutation.setValue(valueBytes!, 0, valueBytes!.length);
  return mutation;
}
