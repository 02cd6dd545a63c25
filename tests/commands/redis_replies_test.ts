import { assertEquals } from "@std/assert";
import { CORPUS_LINES, wordsOf } from "./redis_corpus.ts";
import { REDIS_REPLIES } from "./redis_replies.ts";
import { Bench } from "./support.ts";

Deno.test("Handlers reply to every request of the corpus as Redis 7 does, byte for byte", () => {
  const bench = new Bench();
  const replies = REDIS_REPLIES.map(([line]) => [line, bench.run(...wordsOf(line))]);
  assertEquals(replies, REDIS_REPLIES.map(([line, reply]) => [line, reply]));
});

Deno.test("The table of Redis' replies covers the corpus as it is written", () => {
  assertEquals(REDIS_REPLIES.map(([line]) => line), [...CORPUS_LINES]);
});
