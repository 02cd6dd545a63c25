/**
 * Closes a connection whose client may still be sending, so that the client gets what was written last. A socket that
 * is closed over unread input is reset by the system, and the reset overtakes the error that explains it. So: end our
 * half, read and forget what still comes, for a bounded while, and only then close.
 */
import type { Clock } from "../core/clock.ts";
import { KIB, LINGER_BYTES_MAX, LINGER_MS } from "../core/limits.ts";
import { abandon, type Connection } from "../io/network.ts";

/** Resolves when the connection is closed: by the client, or after `LINGER_MS` or `LINGER_BYTES_MAX`. */
export async function lingeringClose(connection: Connection, clock: Clock): Promise<void> {
  const timer = clock.after(LINGER_MS, () => abandon(connection));
  try {
    await connection.closeWrite();
    const ignored = new Uint8Array(16 * KIB);
    for (let total = 0; total < LINGER_BYTES_MAX;) {
      const count = await connection.read(ignored);
      if (count === null) break;
      total += count;
    }
  } catch {
    // Whatever it was, it is this connection's, which is over.
  } finally {
    timer.cancel();
    abandon(connection);
  }
}
