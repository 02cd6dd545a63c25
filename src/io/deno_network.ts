/** The network's door on `Deno.listen` and `Deno.connect`. */
import type { Address, Connection, Listener, Network } from "./network.ts";

class DenoConnection implements Connection {
  readonly remote: string;
  readonly #socket: Deno.TcpConn;

  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    this.remote = `${socket.remoteAddr.hostname}:${socket.remoteAddr.port}`;
    // Replies leave at once: what should share a packet already shares a write.
    socket.setNoDelay(true);
  }

  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return this.#socket.read(buffer);
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
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }
}

class DenoListener implements Listener {
  readonly host: string;
  readonly port: number;
  readonly #listener: Deno.TcpListener;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.host = listener.addr.hostname;
    this.port = listener.addr.port;
  }

  /** A connection that is gone before it could be accepted, or too many open files, is passed over. */
  async accept(): Promise<Connection | null> {
    while (true) {
      try {
        return new DenoConnection(await this.#listener.accept());
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
  listen(address: Address): Listener {
    return new DenoListener(Deno.listen({ hostname: address.host, port: address.port }));
  }

  async connect(address: Address, timeoutMs: number): Promise<Connection> {
    const signal = AbortSignal.timeout(timeoutMs);
    return new DenoConnection(
      await Deno.connect({ hostname: address.host, port: address.port, signal }),
    );
  }
}
