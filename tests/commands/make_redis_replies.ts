/**
 * Writes redis_replies.ts: asks a Redis server, which has to be empty and of version 7.0, for its replies to the
 * corpus. Run it after changing the corpus:
 *
 *     redis-server --port 6399 --save "" &
 *     deno run --allow-net --allow-write tests/commands/make_redis_replies.ts 6399
 */
import { latin1Of } from "../../src/core/bytes.ts";
import { bytesOfLatin1 } from "../support/latin1.ts";
import { CORPUS_LINES, wordsOf } from "./redis_corpus.ts";

const connection = await Deno.connect({ port: Number(Deno.args[0]) });
const buffer = new Uint8Array(64 * 1024);

async function replyTo(words: readonly string[]): Promise<string> {
  const request = `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
  await connection.write(bytesOfLatin1(request));
  let reply = "";
  while (endOfReply(reply, 0) < 0) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error(`Cannot read the reply to ${words.join(" ")}: the server has closed`);
    reply += latin1Of(buffer, 0, count);
  }
  return reply;
}

/** Where the RESP2 reply that begins at `at` ends; −1 when it is not all there. */
function endOfReply(text: string, at: number): number {
  const lineEnd = text.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const behindLine = lineEnd + 2;
  const count = Number(text.slice(at + 1, lineEnd));
  if (text[at] === "$") {
    const end = count < 0 ? behindLine : behindLine + count + 2;
    return end <= text.length ? end : -1;
  }
  if (text[at] !== "*") return behindLine;
  let end = behindLine;
  for (let i = 0; i < count && end >= 0; i++) end = endOfReply(text, end);
  return end;
}

const rows: string[] = [];
for (const line of CORPUS_LINES) {
  rows.push(`  [${JSON.stringify(line)}, ${JSON.stringify(await replyTo(wordsOf(line)))}],\n`);
}
connection.close();
await Deno.writeTextFile(
  new URL("redis_replies.ts", import.meta.url),
  `/**
 * What Redis 7.0 replied to the corpus in redis_corpus.ts, in RESP 2, a character for each byte. Made by
 * make_redis_replies.ts: do not edit.
 */
// deno-fmt-ignore
export const REDIS_REPLIES: readonly (readonly [line: string, reply: string])[] = [
${rows.join("")}];
`,
);
