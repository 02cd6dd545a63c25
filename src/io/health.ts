/** Asks a process of ours whether it serves, as a container's health check does. */
import { bytesOf, textOf } from "../core/bytes.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { type Address, type Connection, type Network, reachableAddress, writeAll } from "./network.ts";

/** A healthy process answers within this time. */
const HEALTH_TIMEOUT_MS = 2_000;
const PING = bytesOf("*1\r\n$4\r\nPING\r\n");
const PONG = "+PONG\r\n";

/**
 * Whether the process that listens on `address` answers PING in time. "Every address" is asked for through the
 * loopback.
 */
export async function checkHealth(network: Network, clock: Clock, address: Address): Promise<boolean> {
  let connection: Connection;
  try {
    connection = await network.connect(reachableAddress(address), HEALTH_TIMEOUT_MS);
  } catch {
    return false;
  }
  try {
    return await Promise.race([answersPing(connection), sleep(clock, HEALTH_TIMEOUT_MS).then(() => false)]);
  } finally {
    connection.close();
  }
}

async function answersPing(connection: Connection): Promise<boolean> {
  const buffer = new Uint8Array(PONG.length);
  let answer = "";
  try {
    await writeAll(connection, PING);
    while (answer.length < PONG.length) {
      const count = await connection.read(buffer);
      if (count === null) return false;
      answer += textOf(buffer, 0, count);
    }
  } catch {
    return false;
  }
  return answer === PONG;
}
