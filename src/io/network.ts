/** The network's door: what listens, connects, reads and writes bytes. Errors are the runtime's own. */

/** One byte stream between two processes. At most one read and one write are under way at a time. */
export interface Connection {
  /** The far end, `host:port`. */
  readonly remote: string;
  /** Reads at least one byte into `buffer`; `null` when the far end has sent all it will. */
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /**
   * Writes some of `bytes`, which are not empty, at least one; resolves to how many. They may not change until then.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  /** Sends no more, and still reads: the far end has all that was written, then an end. */
  closeWrite(): Promise<void>;
  /** Closes at once; reads and writes under way reject or end. Harmless when already closed. */
  close(): void;
}

export interface Listener {
  /** The port that was bound: the one asked for, or the one that was free when 0 was asked for. */
  readonly port: number;
  readonly host: string;
  /** The next connection; `null` once the listener is closed. One call at a time. */
  accept(): Promise<Connection | null>;
  close(): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Network {
  /**
   * Listens on `address`; port 0 picks a free one. Throws `Deno.errors.AddrInUse` and the like. With `sharesPort` other
   * listeners that say so, too, may have the same address: each new connection then goes to any of them.
   */
  listen(address: Address, sharesPort?: boolean): Listener;
  /** Connects, or rejects after `timeoutMs` at the latest. */
  connect(address: Address, timeoutMs: number): Promise<Connection>;
}

/** Writes all of `bytes` to `connection`, or rejects. The bytes may not change until it resolves. */
export async function writeAll(connection: Connection, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  let written = await connection.write(bytes);
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}

/** `host:port`. */
export function addressText(address: Address): string {
  return `${address.host}:${address.port}`;
}

/** Whether an error of a read or write says no more than that the connection is over. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.TimedOut;
}

/** Whether listening failed because somebody else has the port. */
export function isAddressInUse(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse;
}

/** Where a process that listens on `address` is reached from this machine: "every address" through the loopback. */
export function reachableAddress({ host, port }: Address): Address {
  if (host === "0.0.0.0") return { host: "127.0.0.1", port };
  return host === "::" ? { host: "::1", port } : { host, port };
}
