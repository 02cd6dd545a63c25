/** What the outboxes of a balancer's event loop share. */
import type { WriteWatch } from "../serving/client_writer.ts";
import type { FaultLog } from "../serving/fault_log.ts";
import type { ReplyBudget } from "../serving/reply_budget.ts";
import type { DialectWriter } from "./dialect.ts";
import type { GatheredFlush } from "./gathered_flush.ts";
import type { LongReplySource } from "./portioned_reply.ts";

export interface OutboxServices {
  readonly writeWatch: WriteWatch;
  readonly dialects: DialectWriter;
  readonly gatheredFlush: GatheredFlush;
  readonly faults: FaultLog;
  readonly replyBudget: ReplyBudget;
  readonly longReplies: LongReplySource;
}
