/**
 * Tells when the event loop has asked the system what is ready, without waiting for anything in particular.
 *
 * The runtime asks only when it has nothing left to run, or after some sixty tasks; `setImmediate` keeps it busy, and
 * so comes back sixty times before it asks once. What comes only after it asked is what the system reports. So a
 * byte is sent to ourselves, over a connection that is opened when it is first needed: it costs a few microseconds.
 * Until that is open, and where it cannot be opened (no permission, no more descriptors), a timer of a millisecond does
 * the same, more slowly.
 */
import { LOOP_TURN_MS } from "../core/limits.ts";

interface Echo {
  readonly near: Deno.TcpConn;
  readonly far: Deno.TcpConn;
}

export class LoopTurns {
  /** `null` where it could not be opened, or broke. */
  #echo: Echo | null | undefined;
  readonly #sent = new Uint8Array(1);
  readonly #received = new Uint8Array(1);

  /** Calls `run` once the system has been asked again. One call at a time: the next one from `run` at the earliest. */
  readonly next = (run: () => void): void => {
    const echo = this.#echo;
    if (echo) {
      const broken = () => {
        this.#close(echo);
        setTimeout(run, LOOP_TURN_MS);
      };
      echo.far.read(this.#received).then((count) => count === null ? broken() : run(), broken);
      // A failure shows at the reading end.
      echo.near.write(this.#sent).catch(() => {});
      return;
    }
    if (echo === undefined) {
      this.#echo = null;
      void this.#open();
    }
    setTimeout(run, LOOP_TURN_MS);
  };

  async #open(): Promise<void> {
    try {
      this.#echo = await openEcho();
    } catch {
      // Then the timer has to do.
    }
  }

  #close({ near, far }: Echo): void {
    this.#echo = null;
    for (const socket of [near, far]) socket.close();
  }
}

/** Rejects when another process was first to connect. */
async function openEcho(): Promise<Echo> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    const { port } = listener.addr;
    const [near, far] = await Promise.all([Deno.connect({ hostname: "127.0.0.1", port }), listener.accept()]);
    if (far.remoteAddr.port !== near.localAddr.port) {
      near.close();
      far.close();
      throw new Deno.errors.ConnectionRefused("somebody else connected");
    }
    near.setNoDelay(true);
    return { near, far };
  } finally {
    listener.close();
  }
}
