/** What a link answers instead of a reply that would hold up everybody on it: see `roundel_exchange.ts`. */
import { LINK_REPLY_BYTES_MAX } from "../core/limits.ts";
import { LARGE_KIND } from "../protocol/roundel_exchange.ts";

/** Thrown through a handler, before it has changed anything; its message is the error reply. */
export class TooLongForLink extends Error {
  override name = "TooLongForLink";
}

/** Throws {@linkcode TooLongForLink} when a reply of `bytes` is. */
export function checkLinkReply(bytes: number): void {
  if (bytes > LINK_REPLY_BYTES_MAX) throw new TooLongForLink(`${LARGE_KIND} ${bytes}`);
}
