/** What is said to a node before it serves: who are you, and here is what you are to know. */
import { textOf } from "../core/bytes.ts";
import { RefusalError } from "../core/errors.ts";
import type { Asker } from "../link/ask.ts";
import type { ReplyValue } from "../protocol/reply_scanner.ts";
import { IDENTITY_REQUEST, type NodeIdentity, parseIdentity } from "../protocol/roundel_exchange.ts";

/** Who the node at `name` (`host:port`) is. Rejects with `RefusalError` when it is none of ours. */
export async function askIdentity(name: string, ask: Asker): Promise<NodeIdentity> {
  const reply = await ask(IDENTITY_REQUEST);
  // It is one of ours, and not there yet.
  if (reply.kind === "error" && reply.text.startsWith("LOADING")) throw new Error(reply.text);
  try {
    if (reply.kind === "bulk") return parseIdentity(textOf(reply.bytes));
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
  }
  throw new RefusalError(
    `Cannot use node ${name}: what listens there is not a node of Roundel; start one there with ` +
      "`deno task node`, or correct --node",
  );
}

/** Rejects with `RefusalError` when the node at `name` does not answer `args` with `OK`. */
export async function mustAnswerOk(name: string, ask: Asker, args: readonly string[]): Promise<void> {
  const reply = await ask(args);
  if (reply.kind === "simple") return;
  throw new RefusalError(
    `Cannot use node ${name}: it answers ${args.slice(0, 2).join(" ")} with ${textOfReply(reply)}`,
  );
}

/** What a reply that is not the one that was hoped for says. */
export function textOfReply(reply: ReplyValue): string {
  return reply.kind === "error" ? reply.text : reply.kind;
}
