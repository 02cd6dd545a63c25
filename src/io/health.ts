/**
 * Asks a process of ours whether it serves, as a container's health check does. To answer at all is not enough: a node
 * says whether its data is there and its log takes writes, a balancer whether every key can be served.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { HEALTH_TIMEOUT_MS } from "../core/limits.ts";
import {
  type Address,
  addressText,
  type Connection,
  type Network,
  reachableAddress,
  writeAll,
} from "./network.ts";

/** A health report has an entry for each of up to 255 nodes. */
const ANSWER_BYTES_MAX = 262_144;
const PING = "*1\r\n$4\r\nPING\r\n";
/** A line, or a value with its length. */
const REPLY = /^([+-]|\$\d+\r\n.)[^]*\r\n$/;
const STATUS = "*2\r\n$7\r\nROUNDEL\r\n$6\r\nSTATUS\r\n";

export interface HealthSources {
  readonly network: Network;
  readonly clock: Clock;
}

/** Why the node that listens on `address` does not serve, in one line; empty when it does. */
export async function whyNodeUnhealthy(address: Address, sources: HealthSources): Promise<string> {
  const status = await ask(address, STATUS, REPLY, sources);
  const why = refusalOf(status) ?? firstLine(status);
  return why === "" ? "" : `node ${addressText(address)}: ${why}`;
}

/**
 * The same of a balancer. Its health report is asked for where the admin port is known; of one with `adminPort` 0 only
 * that it answers.
 */
export async function whyBalancerUnhealthy(
  { host, port, adminPort }: Address & { readonly adminPort: number },
  sources: HealthSources,
): Promise<string> {
  const name = `balancer ${addressText({ host, port })}`;
  if (adminPort !== 0) {
    const question = "GET /health HTTP/1.1\r\nHost: roundel\r\nConnection: close\r\n\r\n";
    const report = await ask({ host, port: adminPort }, question, null, sources);
    if (!report.startsWith("HTTP/1.1 200 ")) {
      return `${name}: ${firstLine(report.replace(/^HTTP[^]*?\r\n\r\n/, ""))}`;
    }
  }
  const pong = await ask({ host, port }, PING, REPLY, sources);
  return pong === "+PONG\r\n" ? "" : `${name}: ${firstLine(pong)}`;
}

/** Why a node that answers with its status takes no writes; `null` when the answer is none. */
function refusalOf(status: string): string | null {
  try {
    const { writeRefusal } = JSON.parse(/^\$\d+\r\n([^]*)\r\n$/.exec(status)![1]!);
    return typeof writeRefusal === "string" ? writeRefusal : null;
  } catch {
    return null;
  }
}

function firstLine(answer: string): string {
  return answer.replace(/^[+-]/, "").split("\r\n", 1)[0]! || "it closed the connection";
}

/** The answer as far as `end`, or as the connection's; or, as a line, why there is none. */
async function ask(
  address: Address,
  question: string,
  end: RegExp | null,
  { network, clock }: HealthSources,
): Promise<string> {
  const late = sleep(clock, HEALTH_TIMEOUT_MS).then(() => `no answer within ${HEALTH_TIMEOUT_MS} ms\r\n`);
  let connection: Connection;
  try {
    connection = await network.connect(reachableAddress(address), HEALTH_TIMEOUT_MS);
  } catch (error) {
    return `it cannot be reached: ${messageOf(error)}\r\n`;
  }
  try {
    return await Promise.race([answerOf(connection, question, end), late]);
  } catch (error) {
    return `it cannot be asked: ${messageOf(error)}\r\n`;
  } finally {
    connection.close();
  }
}

async function answerOf(connection: Connection, question: string, end: RegExp | null): Promise<string> {
  const buffer = new Uint8Array(16_384);
  let answer = "";
  await writeAll(connection, bytesOf(question));
  while (answer.length < ANSWER_BYTES_MAX && !end?.test(answer)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    answer += textOf(buffer, 0, count);
  }
  return answer;
}
