/**
 * Safety rules of the product, each with a way to switch it off and a seed of which the simulator then sees that something
 * is wrong. So it is known that it can.
 */
import { Link } from "../../src/link/link.ts";
import { Commits } from "../../src/node/commits.ts";
import { LinkRegistry } from "../../src/node/link_registry.ts";
import { Log } from "../../src/persistence/log.ts";
import type { Fixed } from "./options.ts";
import { replace, replaceGetter } from "./replace.ts";
import { SimulatedDisk } from "../support/simulated_disk.ts";

export interface Rule {
  readonly name: string;
  /** The first run that shows that the rule is off, as things were when it was found; `null`: none of the first sixty or more does. */
  readonly seed: number | null;
  readonly fixed: Fixed;
  /** Whether that takes too long for a test. */
  readonly isSlow?: boolean;
  /** Switches it off; returns what switches it on again. */
  readonly breakRule: () => () => void;
}

const fixed = { safetyMs: 2_000 };

export const RULES: readonly Rule[] = [
  {
    name: "a reply waits for the commit of what it shows",
    seed: 20,
    fixed,
    breakRule: () =>
      replaceGetter<Log, number>(Log.prototype, "committedPosition", () =>
        function (this: Log) {
          return this.appended;
        }),
  },
  {
    name: "what is acknowledged was synced",
    seed: 1,
    fixed,
    breakRule: () => {
      SimulatedDisk.liesAboutSyncs = true;
      return () => SimulatedDisk.liesAboutSyncs = false;
    },
  },
  {
    name: "a balancer's new link closes those that it gave up",
    seed: 124,
    fixed,
    breakRule: () =>
      replace(LinkRegistry.prototype, "open", (session) => {
        session.isLink = true;
        return "";
      }),
  },
  {
    name: "only a request that did not run is said to be refused",
    seed: 18,
    fixed,
    breakRule: () => {
      const { failureText } = Commits.prototype;
      return replace(Commits.prototype, "failureText", function (this: Commits) {
        return failureText.call(this).replace("UNCERTAIN", "READONLY");
      });
    },
  },
  {
    name: "a write without an answer is not sent again",
    seed: 14,
    fixed,
    breakRule: () => {
      const { added } = Link.prototype;
      return replace(Link.prototype, "added", function (this: Link, sink, tag, route) {
        added.call(this, sink, tag, route, false);
      });
    },
  },
];
