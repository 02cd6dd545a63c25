/** Who has a port that we wanted: an earlier run of our own says so when it is asked. */
import { bytesOf, textOf } from "../core/bytes.ts";
import { type Clock, sleep } from "../core/clock.ts";
import { PORT_HOLDER_MS } from "../core/limits.ts";
import { type Address, type Connection, type Network, reachableAddress, writeAll } from "./network.ts";

/** Longer than what a process of ours answers. */
const ANSWER_BYTES_MAX = 16_384;
/** The second is answered by nodes only; an answer to it ends the wait. */
const QUESTION = bytesOf(
  "*2\r\n$4\r\nINFO\r\n$6\r\nserver\r\n*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$3\r\ndir\r\n",
);
/** The admin port speaks HTTP. */
const HTTP_QUESTION = bytesOf("GET /health HTTP/1.1\r\nHost: roundel\r\nConnection: close\r\n\r\n");

export interface HolderSources {
  readonly network: Network;
  readonly clock: Clock;
}

/** Tells who listens on `address`, if that is one of ours; else empty. Takes half a second at most. Never rejects. */
export async function holderOf(address: Address, sources: HolderSources): Promise<string> {
  const answer = await ask(address, QUESTION, sources);
  if (answer.startsWith("HTTP/")) return holderByHttp(await ask(address, HTTP_QUESTION, sources));
  const field = (name: string) => new RegExp(`^${name}:(.*)\r$`, "m").exec(answer)?.[1];
  if (field("roundel_version") === undefined) return "";
  const folder = /\$3\r\ndir\r\n\$\d+\r\n(.*)\r\n/.exec(answer)?.[1];
  return ours(field("roundel_role") ?? "node", field("process_id"), folder);
}

function holderByHttp(answer: string): string {
  const role = /"program":"roundel (\w+)"/.exec(answer)?.[1];
  return role === undefined ? "" : ours(role, /"process":(\d+)/.exec(answer)?.[1]);
}

function ours(role: string, pid: string | undefined, folder?: string): string {
  const details = [
    ...pid === undefined ? [] : [`process ${pid}`],
    ...folder === undefined ? [] : [`data folder ${folder}`],
  ];
  return `a roundel ${role} of an earlier run or another cluster${
    details.length === 0 ? "" : ` (${details.join(", ")})`
  }`;
}

/** What is answered to `question`, as far as it comes in time. */
async function ask(
  address: Address,
  question: Uint8Array<ArrayBuffer>,
  sources: HolderSources,
): Promise<string> {
  const { network, clock } = sources;
  let connection: Connection;
  try {
    connection = await network.connect(reachableAddress(address), PORT_HOLDER_MS);
  } catch {
    return "";
  }
  let answer = "";
  const heard = async () => {
    const buffer = new Uint8Array(ANSWER_BYTES_MAX);
    await writeAll(connection, question);
    while (answer.length < ANSWER_BYTES_MAX && !/\$3\r\ndir\r\n\$\d+\r\n.*\r\n/.test(answer)) {
      const count = await connection.read(buffer);
      if (count === null) return;
      answer += textOf(buffer, 0, count);
    }
  };
  // Whoever hangs up or says nothing has said what it will.
  await Promise.race([heard().catch(() => {}), sleep(clock, PORT_HOLDER_MS)]);
  connection.close();
  return answer;
}
