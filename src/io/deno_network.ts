/** The network's door on `Deno.listen` and `Deno.connect`. */
import { LoopTurns } from "./loop_turns.ts";
import {
  type Address,
  type Connection,
  type Listener,
  ListenError,
  type Network,
  remoteText,
} from "./network.ts";
import { ReadTurns } from "./read_turns.ts";

class DenoConnection implements Connection {
  readonly remote: string;
  readonly #socket: Deno.TcpConn;
  /** Those of the connections that were accepted; one that we opened reads whenever it likes. */
  readonly #turns: ReadTurns | undefined;

  constructor(socket: Deno.TcpConn, turns?: ReadTurns) {
    this.#socket = socket;
    this.#turns = turns;
    turns?.join();
    this.remote = remoteText(socket.remoteAddr);
    // Replies leave at once: what should share a packet already shares a write.
    socket.setNoDelay(true);
  }

  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    const turns = this.#turns;
    return turns?.isCrowded ? turns.read(this.#socket, buffer) : this.#socket.read(buffer);
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  close(): void {
    try {
      this.#socket.close();
      this.#turns?.leave();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

class DenoListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #turns: ReadTurns;

  constructor(listener: Deno.TcpListener, turns: ReadTurns) {
    this.#listener = listener;
    this.#turns = turns;
    this.host = listener.addr.hostname;
    this.port = listener.addr.port;
  }

  /** A connection that is gone before it could be accepted, or too many open files, is passed over. */
  async accept(): Promise<Connection | null> {
    while (true) {
      try {
        return new DenoConnection(await this.#listener.accept(), this.#turns);
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) return null;
        // Out of descriptors: let some connections end before the next try.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  close(): void {
    try {
      this.#listener.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

export class DenoNetwork implements Network {
  /** All connections of a thread share the runtime's one task for reads, whichever port they came by. */
  readonly #turns = new ReadTurns({ atNextTurn: new LoopTurns().next });

  listen(address: Address, sharesPort = false): Listener {
    try {
      const listener = Deno.listen({ hostname: address.host, port: address.port, reusePort: sharesPort });
      return new DenoListener(listener, this.#turns);
    } catch (error) {
      throw new ListenError(address, error);
    }
  }

  async connect(address: Address, timeoutMs: number): Promise<Connection> {
    const signal = AbortSignal.timeout(timeoutMs);
    const socket = await Deno.connect({ hostname: address.host, port: address.port, signal });
    // A far end that vanished without a word is noticed although there is nothing to send.
    socket.setKeepAlive(true);
    return new DenoConnection(socket);
  }
}
