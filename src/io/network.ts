/** The network's door: what listens, connects, reads and writes bytes. Errors are the runtime's own. */
import { messageOf, RefusalError } from "../core/errors.ts";

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
   * Listens on `address`; port 0 picks a free one. Throws `ListenError`. With `sharesPort` other
   * listeners that say so, too, may have the same address: each new connection then goes to any of them.
   */
  listen(address: Address, sharesPort?: boolean): Listener;
  /** Connects, or rejects after `timeoutMs` at the latest. */
  connect(address: Address, timeoutMs: number): Promise<Connection>;
}

/** Closes `connection`, which is given up whatever it says to that. */
export function abandon(connection: Connection): void {
  try {
    connection.close();
  } catch {
    // Nobody waits for it any more.
  }
}

/** Writes all of `bytes` to `connection`, or rejects. The bytes may not change until it resolves. */
export async function writeAll(connection: Connection, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  let written = await connection.write(bytes);
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}

/** `host:port`, an IPv6 address in brackets: `[::1]:8081`. */
export function addressText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The far end of a connection as it is told: an IPv4 client of an IPv6 listener is an IPv4 client. */
export function remoteText({ hostname, port }: { hostname: string; port: number }): string {
  return addressText({ host: hostname.replace(/^::ffff:(?=\d+\.)/i, ""), port });
}

/** Nobody can listen there as things are. The text says what to do. */
export class ListenError extends RefusalError {
  override name = "ListenError";
  readonly address: Address;
  /** Whether that is because another socket has the port: this may pass. */
  readonly isTaken: boolean;

  constructor(address: Address, error: unknown) {
    const isTaken = error instanceof Deno.errors.AddrInUse;
    super(`Cannot listen on ${addressText(address)}: ${isTaken ? TAKEN : causeOf(address, error)}`);
    this.address = address;
    this.isTaken = isTaken;
  }
}

const TAKEN = "the port is taken; stop the process that has it, or choose another port";

function causeOf({ port }: Address, error: unknown): string {
  const cause = messageOf(error);
  if (error instanceof Deno.errors.PermissionDenied && port < 1_024) {
    return `${cause}; an ordinary user may not have ports below 1024: choose a higher one`;
  }
  if (error instanceof Deno.errors.NotCapable) {
    return `${cause}; or choose a --host and a port that its task in deno.json grants`;
  }
  return `${cause}; choose a --host that is an address of this machine`;
}

/** Whether listening failed because somebody else has the port. */
export function isAddressInUse(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse || (error instanceof ListenError && error.isTaken);
}

/** Where a process that listens on `address` is reached from this machine: "every address" through the loopback. */
export function reachableAddress({ host, port }: Address): Address {
  if (host === "0.0.0.0") return { host: "127.0.0.1", port };
  return host === "::" ? { host: "::1", port } : { host, port };
}
