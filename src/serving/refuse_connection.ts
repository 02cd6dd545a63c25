/** What a server does with one client too many: it gets an error instead of silence. */
import { bytesOf } from "../core/bytes.ts";
import { abandon, type Connection, writeAll } from "../io/network.ts";

const TOO_MANY_CLIENTS = bytesOf("-ERR max number of clients reached\r\n");

/** Tells the client, and closes the connection. Never rejects for what the client does. */
export async function refuseConnection(connection: Connection): Promise<void> {
  try {
    await writeAll(connection, TOO_MANY_CLIENTS);
  } catch {
    // Whatever it was, it is this connection's, which is over.
  } finally {
    abandon(connection);
  }
}
