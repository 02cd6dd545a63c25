/**
 * The links from balancers to this node. A balancer that lost a link cannot know which of its requests the node has yet
 * to read; so when it comes again, the node first closes every older link of that balancer, and runs nothing more of
 * what had arrived there. What was run before is what the balancer then sees.
 *
 * A link is older when it belongs to another run of the balancer's process, or to the same run and lane with a smaller
 * number. A balancer's lanes are links side by side, each for a purpose of its own.
 */
import { BULK_LANE, type LinkName } from "../protocol/roundel_exchange.ts";
import type { Session } from "../serving/session.ts";

export class LinkRegistry {
  readonly #links = new Map<Session, LinkName>();

  /**
   * `session` is a link from now on. Closes those that are older; returns why it cannot be one when it is itself older
   * than one that is there, else `""`.
   */
  open(session: Session, name: LinkName): string {
    const own = [...this.#links].filter(([, other]) => other.balancer === name.balancer);
    const newer = own.find(([, other]) => other.run === name.run && isOlder(name, other));
    if (newer !== undefined) return `STALE Link ${name.number} was replaced by ${newer[1].number}`;
    for (const [older, other] of own) {
      if (older === session || !isOlder(other, name)) continue;
      this.#links.delete(older);
      older.drop();
    }
    session.isPeer = true;
    session.isLink = !name.lane.startsWith(BULK_LANE);
    this.#links.set(session, name);
    return "";
  }

  /** The connection is over. Harmless when it was no link. */
  close(session: Session): void {
    this.#links.delete(session);
  }
}

function isOlder(one: LinkName, other: LinkName): boolean {
  if (one.run !== other.run) return true;
  return one.lane === other.lane && one.number < other.number;
}
