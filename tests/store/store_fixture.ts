/** What the tests of the store share: small stores, keys as text, a listener that keeps what it hears. */
import { latin1Of } from "../../src/core/bytes.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import {
  KIND_DELETE,
  KIND_EXPIRE,
  KIND_FLUSH,
  KIND_SET,
  Mutation,
  type Position,
} from "../../src/core/mutation.ts";
import type { MutationListener } from "../../src/store/mutation_listener.ts";
import { BLOCK_COST_BYTES, type Row, Store } from "../../src/store/store.ts";

export interface Heard {
  readonly kind: "set" | "delete" | "expire" | "flush";
  readonly key: string;
  readonly value: string;
  readonly expiresAtMs: number;
}

export interface Content {
  readonly value: string;
  readonly expiresAtMs: number;
}

const KINDS = {
  [KIND_SET]: "set",
  [KIND_DELETE]: "delete",
  [KIND_EXPIRE]: "expire",
  [KIND_FLUSH]: "flush",
} as const;

/** Keeps every mutation, at positions 1, 2, 3 …. */
export class RecordingListener implements MutationListener {
  readonly heard: Heard[] = [];

  onMutation(mutation: Mutation): Position {
    const kind = KINDS[mutation.kind as keyof typeof KINDS];
    const { keyBytes, keyStart, keyEnd, valueBytes, valueStart, valueEnd } = mutation;
    return this.heard.push({
      kind,
      key: kind === "flush" ? "" : latin1Of(keyBytes, keyStart, keyEnd),
      value: kind === "set" ? latin1Of(valueBytes, valueStart, valueEnd) : "",
      expiresAtMs: kind === "set" || kind === "expire" ? mutation.expiresAtMs : 0,
    });
  }
}

/** Hears and forgets: for what is too large, or too much, to keep. */
export const SILENT_LISTENER: MutationListener = { onMutation: () => 0 };

/** A store of `blockCount` blocks, spoken to in text, with all that hangs on it. */
export class TestStore {
  readonly listener = new RecordingListener();
  readonly store: Store;

  constructor(blockCount: number) {
    this.store = new Store({
      capBytes: blockCount * BLOCK_COST_BYTES,
      seed: { low: 0x1234567, high: 0x89abcde },
      listener: this.listener,
    });
  }

  /** Sets from the middle of larger buffers, as requests do. */
  set(key: string, value: string, expiresAtMs = 0): boolean {
    const mutation = new Mutation();
    mutation.setKey(bytesOfLatin1(`<<${key}>>`), 2, 2 + key.length);
    mutation.setValue(bytesOfLatin1(`<${value}>`), 1, 1 + value.length);
    mutation.expiresAtMs = expiresAtMs;
    return this.store.set(this.store.hashOf(mutation.keyBytes, 2, 2 + key.length), mutation);
  }

  find(key: string, nowMs = 0): Row {
    const bytes = bytesOfLatin1(`<<${key}>>`);
    const end = 2 + key.length;
    return this.store.find(this.store.hashOf(bytes, 2, end), bytes, 2, end, nowMs);
  }

  deleteKey(key: string, nowMs = 0): boolean {
    const bytes = bytesOfLatin1(`<<${key}>>`);
    const end = 2 + key.length;
    return this.store.deleteKey(this.store.hashOf(bytes, 2, end), bytes, 2, end, nowMs);
  }

  /** The value; `null` when there is none. */
  get(key: string, nowMs = 0): string | null {
    const row = this.find(key, nowMs);
    return row === 0 ? null : valueOf(this.store, row);
  }

  /** Keys from the oldest to the newest. */
  order(): string[] {
    const keys: string[] = [];
    for (let row = this.store.oldestRow(); row !== 0; row = this.store.newerRow(row)) {
      keys.push(keyOf(this.store, row));
    }
    return keys;
  }

  /** Everything, by key. */
  content(): Map<string, Content> {
    const content = new Map<string, Content>();
    for (let row = this.store.rowAfter(0); row !== 0; row = this.store.rowAfter(row)) {
      content.set(keyOf(this.store, row), contentOf(this.store, row));
    }
    return content;
  }
}

export function keyOf(store: Store, row: Row): string {
  const target = new Uint8Array(store.keyLength(row) + 2);
  store.copyKey(row, target, 1);
  return latin1Of(target, 1, target.length - 1);
}

export function valueOf(store: Store, row: Row): string {
  const target = new Uint8Array(store.valueLength(row) + 2);
  store.copyValue(row, target, 1);
  return latin1Of(target, 1, target.length - 1);
}

export function contentOf(store: Store, row: Row): Content {
  return { value: valueOf(store, row), expiresAtMs: store.expiresAt(row) };
}

/** What a map holds after it was told all that was heard. */
export function replay(heard: readonly Heard[]): Map<string, Content> {
  const content = new Map<string, Content>();
  for (const { kind, key, value, expiresAtMs } of heard) {
    if (kind === "set") content.set(key, { value, expiresAtMs });
    else if (kind === "delete") content.delete(key);
    else if (kind === "expire") content.set(key, { value: content.get(key)!.value, expiresAtMs });
    else content.clear();
  }
  return content;
}

/** A value of `length` characters that differ from place to place and from `salt` to `salt`. */
export function valueOfLength(length: number, salt: number): string {
  let value = "";
  for (let i = 0; i < length; i++) value += String.fromCharCode((i * 7 + (i >> 6) * 31 + salt * 13) & 0xff);
  return value;
}
