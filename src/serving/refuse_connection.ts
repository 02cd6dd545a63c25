/** What a server does with one client too many: it gets an error instead of silence. */
import { bytesOf } from "../core/bytes.ts";
import { abandon, type Connection, writeAll } from "../io/network.ts";

export const TOO_MANY_CLIENTS = "ERR max number of clients reached";

/** Tells the client, and closes the connection. Never rejects for what the client does. */
export async function refuseConnection(connection: Connection): Promise<void> {
  try {
    await writeAll(connection, bytesOf(`-${TOO_MANY_CLIENTS}\r\n`));
  } catch {
    // Whatever it was, it is this connection's, which is over.
  } finally {
    abandon(connection);
  }
}
