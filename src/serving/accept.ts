import { type Clock, sleep } from "../core/clock.ts";
import { ACCEPT_RETRY_MS } from "../core/limits.ts";
import type { Connection, Listener } from "../io/network.ts";
import type { FaultLog } from "./fault_log.ts";

/** Who is told of the connections that a listener accepts. */
export interface Receiver {
  /** A connection was accepted. */
  receive(connection: Connection): void;
}

/** What {@linkcode acceptAll} works with. */
export interface AcceptOptions {
  readonly clock: Clock;
  readonly faults: FaultLog;
}

/** Accepts connections until `listener` is closed. An error is logged, and is not the end of it. Never rejects. */
export async function acceptAll(
  listener: Listener,
  receiver: Receiver,
  { clock, faults }: AcceptOptions,
): Promise<void> {
  while (true) {
    try {
      const connection = await listener.accept();
      if (connection === null) return;
      receiver.receive(connection);
    } catch (error) {
      faults.report("connection could not be accepted", error);
      await sleep(clock, ACCEPT_RETRY_MS);
    }
  }
}
