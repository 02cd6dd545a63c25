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
  /** The first run that shows that the rule is off, as things were when it was found; from there on others do. */
  readonly seed: number;
  readonly fixed?: Fixed;
  /** Switches it off; returns what switches it on again. */
  readonly breakRule: () => () => void;
}

export const RULES: readonly Rule[] = [
  {
    name: "a reply waits for the commit of what it shows",
    seed: 18,
    breakRule: () =>
      replaceGetter<Log, number>(Log.prototype, "committedPosition", () =>
        function (this: Log) {
          return this.appended;
        }),
  },
  {
    name: "what is acknowledged was synced",
    seed: 1,
    breakRule: () => {
      SimulatedDisk.liesAboutSyncs = true;
      return () => SimulatedDisk.liesAboutSyncs = false;
    },
  },
  {
    name: "a balancer's new link closes those that it gave up",
    seed: 94,
    breakRule: () =>
      replace(LinkRegistry.prototype, "open", (session) => {
        session.isLink = true;
        return "";
      }),
  },
  {
    name: "only a request that did not run is said to be refused",
    seed: 17,
    breakRule: () => {
      const { failureText } = Commits.prototype;
      return replace(Commits.prototype, "failureText", function (this: Commits) {
        return failureText.call(this).replace("UNCERTAIN", "READONLY");
      });
    },
  },
  {
    name: "a write without an answer is not sent again",
    seed: 16,
    breakRule: () => {
      const { added } = Link.prototype;
      return replace(Link.prototype, "added", function (this: Link, sink, tag, route) {
        added.call(this, sink, tag, route, false);
      });
    },
  },
];
