/** A word to whoever opens the ports to more than this machine. */
import type { Logger } from "../core/logger.ts";

/** Warns unless `host` is this machine's loopback: there is no access control. */
export function warnWhereExposed(host: string, logger: Logger): void {
  if (host === "localhost" || host === "::1" || host.startsWith("127.")) return;
  logger.warn(
    "whoever reaches this address may read and change everything: keep it on a network that you trust",
    {
      host,
    },
  );
}
