/**
 * The runtime's own limit: a server that does nothing but count requests and answer each with PONG. What a node
 * does not reach of this is the price of its engine; what this does not reach of others is the price of the runtime.
 * It has several loops, since with many clients it is the loop that tells whether all are served (`loops.ts`).
 *
 *     deno run --allow-net bench/versus/bare_server.ts PORT [LOOP]
 */
import { createServer } from "node:net";
import { setImmediate } from "node:timers";
import { LoopTurns } from "../../src/io/loop_turns.ts";
import { type Readable, ReadTurns } from "../../src/io/read_turns.ts";

/** How each of them serves a connection. */
export const LOOPS = {
  plain: "read, await write",
  immediate: "write, not awaited; one shared setImmediate; read",
  turns: "read in turns (src/io/read_turns.ts), await write",
  node: "node:net",
};

export type LoopName = keyof typeof LOOPS;

/** Small, as there are many. */
const READ_BYTES = 4 * 1024;
/** Every request is an array, and PING holds no other asterisk. */
const ASTERISK = 0x2a;
const PONG = "+PONG\r\n";

const pongs = new TextEncoder().encode(PONG.repeat(READ_BYTES / 8));

/** Bytes of the answers to what was read. */
function answerLength(bytes: Uint8Array, count: number): number {
  let requests = 0;
  for (let at = 0; at < count; at++) if (bytes[at] === ASTERISK) requests++;
  return requests * PONG.length;
}

async function serve(
  connection: Deno.TcpConn,
  read: (buffer: Uint8Array<ArrayBuffer>) => Promise<number | null>,
) {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(READ_BYTES);
  try {
    for (let count; (count = await read(buffer)) !== null;) {
      const end = answerLength(buffer, count);
      for (let at = 0; at < end;) at += await connection.write(pongs.subarray(at, end));
    }
    connection.close();
  } catch {
    // The client broke off.
  }
}

let nextImmediate: Promise<void> | undefined;

/** The same for all who ask in the same turn. */
function sharedImmediate(): Promise<void> {
  return nextImmediate ??= new Promise((resolve) =>
    setImmediate(() => {
      nextImmediate = undefined;
      resolve();
    })
  );
}

async function serveWithImmediate(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(READ_BYTES);
  try {
    for (let count; (count = await connection.read(buffer)) !== null;) {
      connection.write(pongs.subarray(0, answerLength(buffer, count))).catch(() => {});
      await sharedImmediate();
    }
    connection.close();
  } catch {
    // The client broke off.
  }
}

const turns = new ReadTurns({ atNextTurn: new LoopTurns().next });

async function serveInTurns(connection: Deno.TcpConn): Promise<void> {
  turns.join();
  const source: Readable = connection;
  await serve(
    connection,
    (buffer) => turns.isCrowded ? turns.read(source, buffer) : connection.read(buffer),
  );
  turns.leave();
}

const SERVES: Readonly<Record<Exclude<LoopName, "node">, (connection: Deno.TcpConn) => Promise<void>>> = {
  plain: (connection) => serve(connection, (buffer) => connection.read(buffer)),
  immediate: serveWithImmediate,
  turns: serveInTurns,
};

function listenWithNode(port: number): void {
  createServer((socket) => {
    socket.setNoDelay(true);
    socket.on(
      "data",
      (bytes: Uint8Array) => socket.write(pongs.subarray(0, answerLength(bytes, bytes.length))),
    );
    socket.on("error", () => socket.destroy());
  }).listen(port, "127.0.0.1");
}

if (import.meta.main) {
  const port = Number(Deno.args[0]);
  const name = (Deno.args[1] ?? "plain") as LoopName;
  if (name === "node") listenWithNode(port);
  else {
    for await (const connection of Deno.listen({ hostname: "127.0.0.1", port })) {
      void SERVES[name](connection);
    }
  }
}
