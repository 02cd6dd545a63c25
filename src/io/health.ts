/**
 * Asks a process of ours whether it serves, as a container's health check does. To answer at all is not enough: a node
 * says whether its data is there and its log takes writes, a balancer whether every key can be served.
 */
import { bytesOf, textOf } from "../core/bytes.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import { HEALTH_TIMEOUT_MS } from "../core/limits.ts";
import { shardListText } from "../core/shard_ranges.ts";
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
const HTTP_HEAD = /^HTTP[^]*?\r\n\r\n/;
const STATUS = "*2\r\n$7\r\nROUNDEL\r\n$6\r\nSTATUS\r\n";

/** The part of a balancer's health report that is told on. */
interface Report {
  readonly shardsWithoutPrimary?: readonly number[];
  readonly shardsShortOfCopies?: readonly number[];
  readonly nodes: readonly { readonly address: string; readonly state: string; readonly cause: string }[];
}

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

/** What a balancer is found to be: why it does not serve, and what else there is to say while it does; `""` = nothing. */
export interface BalancerHealth {
  readonly whyNot: string;
  readonly note: string;
}

/**
 * How a balancer is. Its health report is asked for where the admin port is known; of one with `adminPort` 0 only that it
 * answers.
 */
export async function healthOfBalancer(
  { host, port, adminPort }: Address & { readonly adminPort: number },
  sources: HealthSources,
): Promise<BalancerHealth> {
  const name = `balancer ${addressText({ host, port })}`;
  let note = "";
  if (adminPort !== 0) {
    const question = "GET /health HTTP/1.1\r\nHost: roundel\r\nConnection: close\r\n\r\n";
    const report = await ask({ host, port: adminPort }, question, null, sources);
    const said = textOfReport(report);
    if (!report.startsWith("HTTP/1.1 200 ")) {
      return { whyNot: `${name}: ${said || firstLine(report.replace(HTTP_HEAD, ""))}`, note };
    }
    if (said !== "") note = `${name}: ${said}`;
  }
  const pong = await ask({ host, port }, PING, REPLY, sources);
  return pong === "+PONG\r\n" ? { whyNot: "", note } : { whyNot: `${name}: ${firstLine(pong)}`, note: "" };
}

/** What is wrong by a balancer's report, in one line; empty when nothing is, or it cannot be read. */
function textOfReport(report: string): string {
  try {
    const { shardsWithoutPrimary = [], shardsShortOfCopies = [], nodes }: Report = JSON.parse(
      report.replace(HTTP_HEAD, ""),
    );
    const parts = [];
    if (shardsWithoutPrimary.length > 0) {
      parts.push(`without a primary that serves: shards ${shardListText(shardsWithoutPrimary)}`);
    }
    if (shardsShortOfCopies.length > 0) {
      parts.push(`short of copies in sync: shards ${shardListText(shardsShortOfCopies)}`);
    }
    for (const { address, state, cause } of nodes) {
      if (cause === "") continue;
      parts.push(`node ${address} ${state === "ready" ? "takes no writes" : `is ${state}`}: ${cause}`);
    }
    return parts.join("; ");
  } catch {
    return "";
  }
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
