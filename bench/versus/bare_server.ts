/**
 * The runtime's own limit: a server that does nothing but count requests and answer each with PONG. What a node
 * does not reach of this is the price of its engine; what this does not reach of others is the price of the runtime.
 *
 *     deno run --allow-net bench/versus/bare_server.ts PORT
 */
const READ_BYTES = 64 * 1024;
/** Every request is an array, and PING holds no other asterisk. */
const ASTERISK = 0x2a;
const PONG = "+PONG\r\n";

const pongs = new TextEncoder().encode(PONG.repeat(READ_BYTES / 8));

async function serve(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(READ_BYTES);
  try {
    for (let count; (count = await connection.read(buffer)) !== null;) {
      let requests = 0;
      for (let at = 0; at < count; at++) if (buffer[at] === ASTERISK) requests++;
      const end = requests * PONG.length;
      for (let at = 0; at < end;) at += await connection.write(pongs.subarray(at, end));
    }
    connection.close();
  } catch {
    // The client broke off.
  }
}

for await (const connection of Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) })) {
  serve(connection);
}
