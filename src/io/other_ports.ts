/**
 * Files of nodes on other ports. A node's files are named by its port, so one that is started on another port than
 * before begins empty beside its own data; whoever did that by mistake is told.
 */
import type { Logger } from "../core/logger.ts";
import type { Disk } from "./disk.ts";

/** Ports of the node files among `names` that are none of `own`, when one of `own` has none yet; else nothing. */
export function otherPortsAmong(names: readonly string[], own: readonly number[]): number[] {
  const found = names.flatMap((name) => {
    const port = /^node_(\d{1,5})\.json$/.exec(name)?.[1];
    return port === undefined ? [] : [Number(port)];
  });
  return own.every((port) => found.includes(port)) ? [] : found.filter((port) => !own.includes(port));
}

/** Warns when `folder` holds data of other ports than `own`, some of which have none. */
export async function warnOfOtherPorts(
  folder: string,
  { disk, logger, own }: { readonly disk: Disk; readonly logger: Logger; readonly own: readonly number[] },
): Promise<void> {
  let names: string[];
  try {
    names = await disk.list(folder);
  } catch {
    return; // not there yet, or not ours to look into
  }
  const ports = otherPortsAmong(names, own);
  if (ports.length === 0) return;
  logger.warn("data folder holds what nodes on other ports keep, and this start begins with empty ones", {
    folder,
    otherPorts: ports.join(),
    ports: own.join(),
  });
}
