/**
 * Every bound of the system, in one place, related to each other by assertions that run at load.
 * Units are in the names: `Bytes`, `Ms`, `Count`.
 */
import { assert } from "./assert.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

// ---- Data ----------------------------------------------------------------------------------------

/** Slots of the key space, as in Redis Cluster. */
export const SLOT_COUNT = 16_384;
/** Longest key; its length travels as u16. */
export const KEY_BYTES_MAX = 65_535;
/** Longest value. */
export const VALUE_BYTES_MAX = 63 * MIB;
/** Databases of a shard; a database's number travels as u8. */
export const DATABASE_COUNT = 1;
/** Smallest memory cap that a store accepts: room for one key of the longest kind and then some. */
export const STORE_CAP_BYTES_MIN = 256 * KIB;

// ---- Protocol ------------------------------------------------------------------------------------

/** One request, all its arguments and framing together. */
export const REQUEST_BYTES_MAX = 64 * MIB;
/** Arguments of one request, the command's name included. */
export const ARGUMENT_COUNT_MAX = 1_048_576;
/** One line of text mode, and any length or count line of RESP. */
export const TEXT_LINE_BYTES_MAX = 64 * KIB;
/** Digits and sign of a RESP length or count. */
export const RESP_LENGTH_DIGITS_MAX = 10;
/** Values in one reply that gathers them (MGET), since a request may name a long value many times. */
export const REPLY_BYTES_MAX = 64 * MIB;
/** One line of a reply (an error, a status), since what it quotes is a client's. Longer ones are cut. */
export const REPLY_LINE_BYTES_MAX = KIB;
/** Keys of one request, or names of commands. A thousand take up to a millisecond, and everybody else waits meanwhile. */
export const REQUEST_KEYS_MAX = 16_384;
/** Arguments of a request that runs, where they are neither: options. */
export const REQUEST_WORDS_MAX = 262_144;
/** After a request of more arguments others are served before the next of the same client. */
export const TURN_ARGUMENTS_MIN = 4_096;
/** Sections of one INFO, and patterns of one CONFIG GET. */
export const REQUEST_NAMES_MAX = 64;
/** A request that takes longer than this goes on in a later turn of the event loop, once others were served. */
export const REQUEST_STEP_MS = 1;
/** Longest pattern of KEYS, SCAN and CONFIG GET: every key can be written in as much. */
export const PATTERN_BYTES_MAX = KEY_BYTES_MAX;
/** Nesting of arrays in a reply that the balancer scans. */
export const REPLY_DEPTH_MAX = 8;

// ---- Connections ---------------------------------------------------------------------------------

/** First read buffer of a connection: what an idle client costs. */
export const READ_BUFFER_BYTES_MIN = KIB / 2;
/** Read buffer of a connection that keeps it full. Only large messages grow it further. */
export const READ_BUFFER_BYTES = 64 * KIB;
/** A message of this size is large, and a connection that brings several of them at a time gets a larger buffer … */
export const LARGE_MESSAGE_BYTES_MIN = 16 * KIB;
/** … up to this, which it keeps. Only a single larger message grows it further, and for its own time only. */
export const READ_BUFFER_BYTES_KEEP = 256 * KIB;
/** All that is kept beyond `READ_BUFFER_BYTES`, by all connections together. */
export const READ_BUFFERS_KEPT_BYTES_MAX = 32 * MIB;
/** Replies gathered for one client before they are written out, and requests are taken again. */
export const OUTPUT_BYTES_HIGH = 1 * MIB;
/** An output buffer larger than this is given back once it is empty. */
export const OUTPUT_BYTES_KEEP = 128 * KIB;
/** Replies that wait for a client's next write, or are being written: beyond it the client is not read … */
export const OUTBOX_BYTES_MAX = 1 * MIB;
/** … nor beyond so many runs of them that wait for different commits. */
export const OUTBOX_RUN_COUNT_MAX = 1_024;
/** A balancer has this many requests of one client under way at first, and up to … */
export const CLIENT_IN_FLIGHT_MIN = 16;
/** … this many, for as long as the replies are short. */
export const CLIENT_IN_FLIGHT_MAX = 1_024;
/** Replies that are there wait this long, at a balancer, for those that the client gets in the same write … */
export const PARTIAL_FLUSH_MS = 1;
/** … and so many times: then, however long a turn of the loop takes, what had arrived in it was read in between. */
export const PARTIAL_FLUSH_PUT_OFFS = 2;
/** Replies of all clients of a process that are not yet written: beyond it next requests wait … */
export const REPLY_BUDGET_BYTES = 64 * MIB;
/** … but for those of clients whose replies are all written, who go on with this much at a time. A longer reply waits. */
export const REPLY_BYTES_SMALL = 16 * KIB;
/** A client has to take what it holds within so many times `CLIENT_WRITE_STALL_MS`, unless that is less than … */
export const STALLS_PER_OUTBOX = 8;
/** … this. */
export const DRIP_BYTES_MIN = 64 * KIB;
/** When large requests have used up their budget, one of which nothing came for this long makes room for a new one. */
export const REQUEST_SILENCE_MS_MIN = 1_000;
/** Replies that lie apart are brought together for a write up to this length. */
export const OUTBOX_WRITE_BYTES = 64 * KIB;
/** Replies that lie side by side in one block, waiting or being written, before the next block is taken. */
export const REPLY_BLOCK_BYTES = 64 * KIB;
/** Blocks of a reply buffer that are empty and kept: as many clients may be sent that much at the same time. */
export const REPLY_BLOCK_COUNT_KEPT = 64;
/** What requests are run with that is kept for the next batch: one is enough but for commands that take long. */
export const BATCH_RUNNER_COUNT_KEPT = 8;
/** Requests of a batch that are decoded, fetched for and run together. What they need fits into the processor's cache. */
export const BATCH_REQUEST_COUNT = 32;
/** Decoders kept for clients in the middle of a request. */
export const DECODER_COUNT_KEPT = 64;
/** After an error of the listener itself the next connection is accepted this much later. */
export const ACCEPT_RETRY_MS = 50;
/** Log lines a second about what nobody expected; the others are counted. */
export const FAULT_LINES_PER_SECOND = 4;
/** Large arrays of a thread that wait to be used again. */
export const SPARE_BYTES_MAX = 24 * MIB;
/** All read buffers beyond what is kept together, so that clients cannot exhaust the process. */
export const LARGE_REQUEST_BYTES_MAX = 128 * MIB;
/** Event loops of one balancer. */
export const WORKER_COUNT_MAX = 8;
/** Open client connections of one process. */
export const CLIENT_COUNT_MAX = 20_000;
/** Operations that the runtime completes for one of its tasks before it puts off the rest. */
const OPERATIONS_PER_TURN = 128;
/**
 * Reads of clients that are issued in one turn of the event loop. While fewer connections than this are open, reads
 * are not counted.
 */
export const READS_PER_TURN_MAX = 60;
/** Time in which the event loop has asked the system what is ready, where there is no better way to know. */
export const LOOP_TURN_MS = 1;
/** A client that has not taken one byte of its replies for this long is dropped. */
export const CLIENT_WRITE_STALL_MS = 60_000;
/** One-shot rule: a lone text line within this time of connecting … */
export const ONE_SHOT_LINE_MS = 100;
/** … and nothing more for this long after its reply: the server closes. */
export const ONE_SHOT_CLOSE_MS = 300;
/** After an error that ends a connection, what the client still sends is taken and forgotten for this long … */
export const LINGER_MS = 500;
/** … and up to this much, so that the error reaches it. */
export const LINGER_BYTES_MAX = 16 * MIB;
/** A graceful stop waits this long for requests in flight. */
export const STOP_DEADLINE_MS = 10_000;

// ---- Processes -----------------------------------------------------------------------------------

/** Characters of log lines that wait for a terminal or a pipe that stands still; further lines are dropped and counted. */
export const LOG_QUEUE_LENGTH_MAX = 1 * MIB;
/** A process that ends waits this long for its last lines to be taken. */
export const LOG_FLUSH_MS = 500;
/** A process that is asked whose a taken port is answers within this time, or is none of ours. */
export const PORT_HOLDER_MS = 500;
/** A process that serves says so within this time. */
export const HEALTH_TIMEOUT_MS = 2_000;
/** A stop waits this long for requests at the admin port. */
export const ADMIN_STOP_MS = 500;
/** Open files of a process that no client may take: for the log, dumps, listeners and the runtime. */
export const OPEN_FILES_RESERVED = 128;
/** Open files that a balancer keeps free for each node and worker: its connections to the nodes. */
export const OPEN_FILES_PER_LINK = 8;
/**
 * Connections that a node takes beyond its clients, because each may become a balancer's link: one that asks for anything
 * else, or does not become a link in time, is refused like any client too many.
 */
export const LINK_CONNECTIONS_RESERVED = 64;
/** A connection that is taken in the hope that it becomes a link has this long. */
export const LINK_HANDSHAKE_MS = 5_000;
/** Connections that are told "loading" at a time while a node recovers; more of them wait. */
export const LOADING_CONNECTIONS_MAX = 256;

// ---- Persistence ---------------------------------------------------------------------------------

/** Bytes before a record's payload: length 4, shard 2, epoch 4, sequence 8, kind 1, database 1. */
export const RECORD_HEADER_BYTES = 20;
/** Bytes before the key in the payload of a set for a time: type 1, expiry 8, key length 2. */
export const RECORD_SET_OVERHEAD_BYTES = 11;
export const RECORD_BYTES_MAX = RECORD_HEADER_BYTES + RECORD_SET_OVERHEAD_BYTES + KEY_BYTES_MAX +
  VALUE_BYTES_MAX;
/** Bytes before a log frame's records: checksum 4, length 4, position 8, synced 8, flags 1. */
export const LOG_FRAME_HEADER_BYTES = 25;
/** A log frame of this length ends with the request. Its checksum costs next to nothing, and it fits any cache. */
export const LOG_FRAME_BYTES = 64 * KIB;
/** The longest frame: one more record is added to one that is just shorter than {@linkcode LOG_FRAME_BYTES}. */
export const LOG_FRAME_BYTES_MAX = LOG_FRAME_BYTES + RECORD_BYTES_MAX;
/** A log segment file never grows beyond this. */
export const SEGMENT_BYTES_MAX = 64 * MIB;
/** Bytes of a segment's header. */
export const SEGMENT_HEADER_BYTES = 64;
/** What a cursor over the log reads at a time. */
export const LOG_CURSOR_BYTES = 256 * KIB;
/** A follower that is further behind the log's end than this loses what it has not read. */
export const LOG_RETAINED_BYTES_MAX = 1 * GIB;
/** Log bytes that wait for the disk before clients' writes wait. */
export const LOG_BACKLOG_BYTES_HIGH = 16 * MIB;
/** And before those of a link wait, and with them what other clients have sent behind them. */
export const LOG_BACKLOG_BYTES_MAX = 64 * MIB;
/** Dump bytes that wait for the disk before clients' writes wait. */
export const DUMP_BACKLOG_BYTES_HIGH = 32 * MIB;
/** And before those of a link wait. */
export const DUMP_BACKLOG_BYTES_MAX = 64 * MIB;
/** Epochs of a shard whose beginnings a copy knows. A copy that is further behind than these is filled anew. */
export const EPOCH_STARTS_MAX = 64;
/** `--fsync everysec`: time between two syncs. */
export const EVERYSEC_SYNC_MS = 1_000;
/** `--fsync everysec`: with this much unsynced, a sync begins at once; a short one holds up the writes beside it less. */
export const EVERYSEC_SYNC_BYTES = 8 * MIB;
/** A log whose disk was full is tried again this often. */
export const DISK_FULL_RETRY_MS = 1_000;

/** A dump that failed is tried again after the first pause; each further failure doubles it up to the second. */
export const DUMP_RETRY_MS_MIN = 5_000;
export const DUMP_RETRY_MS_MAX = 10 * 60_000;

// ---- Maintenance ---------------------------------------------------------------------------------

/** Time between two expiry sweeps. */
export const SWEEP_INTERVAL_MS = 10;
/** Blocks looked at, and entries removed, by one step of a sweep. */
export const SWEEP_BLOCKS_PER_STEP = 8_192;
export const SWEEP_DELETES_PER_STEP = 512;
/** Longest that any step of background work (sweep, eviction to a lower cap) may hold the event loop. */
export const BACKGROUND_STEP_MS = 1;
/**
 * The same for a step of a dump, of which there are thousands on end: a request that meets one waits for it. At this
 * length the writes of the smaller chunks cost the dump a tenth of its speed.
 */
export const DUMP_STEP_MS = 0.25;
/**
 * A dump pauses for this long after a step beside which requests were run, so that it takes a tenth of the loop's time.
 * Measured with 10,000 requests a second: p99 is 1.10 times that without a dump; with 1 ms it is 1.21, without 1.7.
 */
export const DUMP_PAUSE_MS = 2;

// ---- Replication ---------------------------------------------------------------------------------

/** A primary answers for as long after what it sent as every member of the in-sync set has acknowledged. */
export const LEASE_MS = 800;
/** A new primary begins so long after its last acknowledgement to the one before. */
export const GRACE_MS = 1_000;
/** Primaries look after their shards this often. */
export const ROLE_LOOK_MS = 50;
/** Mutations of a shard that wait for acknowledgements before connections stop taking requests. */
export const UNACKNOWLEDGED_MAX = 65_536;
/** And the log from the oldest of them on. So writes wait for a member of the set before it is left to the log. */
export const UNACKNOWLEDGED_BYTES_MAX = 4 * MIB;
/** A copy that is so few mutations behind is counted in, to join the in-sync set. */
export const JOIN_LAG_MAX = 1_024;
/** A copy leaves the set when its link has been broken for so long … */
export const REPLICA_AWAY_MS = 500;
/** … when nothing was heard of it for so long … */
export const REPLICA_SILENT_MS = 1_000;
/** … or when it takes so long to have what there is. */
export const REPLICA_LAG_MS = 2_000;
/** `WAIT` looks for more replicas this often … */
export const WAIT_LOOK_MS = 50;
/** … and for no longer than this, whatever the client says. */
export const WAIT_MS_MAX = 60_000;
/** A primary's node looks this often to which copies of its shards it should show that it is there. */
export const BEAT_MS = 250;
/** A node that owes answers and says nothing for so many beats is connected to anew. */
export const PEER_SILENT_BEATS_MAX = 6;
/** A stream that was refused is tried again after so many beats: the second, where the copy had no room. */
export const STREAM_RETRY_BEATS = 4;
export const STREAM_FULL_RETRY_BEATS = 240;
/**
 * Batches of records to one node that are not answered: one that is on the disk, one that gathers behind it, and what is
 * on the way. More would only be smaller.
 */
export const APPENDS_IN_FLIGHT_MAX = 4;
/** And their bytes. What would exceed it waits, unless nothing is in flight. */
export const APPEND_WINDOW_BYTES = 4 * MIB;
/**
 * A batch of records takes no more in when it has this much: some thousand records, which the far end applies in one go
 * while everybody else there waits.
 */
export const APPEND_BYTES = 256 * KIB;
/** Records of a stream that are sent in one piece, and no longer with those of the next requests. */
export const STREAM_CHUNK_BYTES = 128 * KIB;
/** A piece is no longer than this, whatever its requests are, so that it fits into a batch. */
export const STREAM_CHUNK_BYTES_MAX = REQUEST_BYTES_MAX - 64 * KIB;
/** Records of one shard that wait for one node. A stream with more is read from the log, later … */
export const STREAM_BUFFER_BYTES = 8 * MIB;
/** … and so is the longest of all to that node when they have this much together. */
export const PEER_BUFFER_BYTES = 32 * MIB;
/** Buffers of streams that are empty and kept. */
export const STREAM_CHUNK_COUNT_KEPT = 16;
/** A copy is filled by so many bytes ahead of what was taken to be sent. */
export const FILL_AHEAD_BYTES = 128 * KIB;
/** It is noted where in the log a shard's records lie once in so many bytes of log … */
export const LOG_INDEX_STEP_BYTES = 1 * MIB;
/** … and so many times at most: then every other note is dropped. */
export const LOG_INDEX_ENTRIES_MAX = 1_024;
/** The controller looks at what is known of the nodes this often. */
export const CONTROL_LOOK_MS = 50;
/** A primary whose link is broken, and that is not connected to again at once, is taken for lost. */
export const PRIMARY_AWAY_MS = 200;
/** A controller that has just begun waits so much longer for a node that it has not met yet. */
export const FIRST_CONTACT_MS = 1_500;
/** In a fail-over, members of the in-sync set that do not answer are waited for this long. */
export const FREEZE_WAIT_MS = 500;

// ---- Balancer ------------------------------------------------------------------------------------

/** Requests in flight on one link. */
export const LINK_IN_FLIGHT_MAX = 65_536;
/** Request bytes that wait to be sent on one link. */
export const LINK_BACKLOG_BYTES_HIGH = 32 * MIB;
/** Writes in flight on one link, and their bytes, before further writes wait and only reads go on. */
export const LINK_WRITES_IN_FLIGHT_MAX = 49_152;
export const LINK_WRITE_BYTES_HIGH = 16 * MIB;
/** Pause before a link is opened again. A node that is back is not left waiting, and a try that fails costs 0.1 ms. */
export const RECONNECT_MS = 50;
/** Opening a link takes at most this long. */
export const CONNECT_TIMEOUT_MS = 2_000;
/** And each answer of the handshake behind it. */
export const HANDSHAKE_REPLY_MS_MAX = 5_000;
/** Balancers look after their links this often. */
export const LINK_LOOK_MS = 100;
/** A node is asked how it is once in so many looks … */
export const PROBE_LOOKS = 2;
/** … and is taken for lost when it stays silent for so many. */
export const SILENT_LOOKS_MAX = 10;
/**
 * Requests wait for a node until it has been away for this long; from then on they are answered at once. Time
 * enough for a node that died to be started again.
 */
export const RETRY_DEADLINE_MS = 3_000;
/** And, where shards have several copies, for a shard's new primary: longer than any fail-over takes. */
export const FAILOVER_WAIT_MS = 5_000;
/** While requests wait for a shard, its node is asked this often whether it serves it. */
export const HOLD_LOOK_MS = 25;
/** Requests of all clients that came back and wait for their shards. */
export const HELD_BYTES_MAX = 64 * MIB;
/** `INFO` at a balancer waits this long for the nodes; then it goes by what they told before. */
export const INFO_WAIT_MS = 250;
/**
 * The longest reply that a node gives on a link, where all clients of a balancer would wait for it, and the balancer would
 * hold it whole. Longer ones are fetched by connections of their own, and handed on while they arrive …
 */
export const LINK_REPLY_BYTES_MAX = 256 * KIB;
/** … so many at a time from a node, by each event loop of a balancer … */
export const BULK_CONNECTIONS_MAX = 4;
/** … while so many more wait. */
export const BULK_WAITING_MAX = 4_096;
/** When somebody waits, a client that has taken nothing of such a reply for this long is dropped. */
export const BULK_SILENCE_MS_MAX = 2_000;
/** A connection for long replies that is not used for this long is closed. */
export const BULK_IDLE_MS_MAX = 10_000;
/** Sends of one request, the first included. */
export const SEND_ATTEMPTS_MAX = 3;
/** Parts of the key space that one SCAN goes through while it has fewer keys than its COUNT. */
export const SCAN_PARTS_PER_CALL = 64;
export const NODE_COUNT_MAX = 255;
export const SHARD_COUNT_MAX = 1_024;
/** Copies of a shard beyond its primary. */
export const REPLICAS_MAX = 4;
/**
 * How far a topology's version, or a shard's epoch, may be ahead of the one that a node knows: more changes than any
 * node misses, and so few that nobody can use up the numbers that are left.
 */
export const TOPOLOGY_STEP_MAX = 2 ** 24;

assert(LEASE_MS < GRACE_MS, "a primary is over before the next begins, whose clock may run a bit faster");
assert(REPLICA_AWAY_MS + 4 * ROLE_LOOK_MS < LEASE_MS, "a copy can leave the set before the lease is over");
assert(LOG_FRAME_BYTES_MAX + SEGMENT_HEADER_BYTES <= SEGMENT_BYTES_MAX, "a frame never spans two segments");
assert(KEY_BYTES_MAX + VALUE_BYTES_MAX < REQUEST_BYTES_MAX, "the largest pair fits into one request");
assert(LARGE_REQUEST_BYTES_MAX >= REQUEST_BYTES_MAX, "the largest request fits into the budget for such");
assert(REPLY_LINE_BYTES_MAX < TEXT_LINE_BYTES_MAX, "a balancer takes every line that a node says");
assert(
  2 * REQUEST_KEYS_MAX < ARGUMENT_COUNT_MAX && REQUEST_WORDS_MAX < ARGUMENT_COUNT_MAX,
  "what is too much for a command can be decoded, and so refused",
);
assert(LINK_WRITES_IN_FLIGHT_MAX < LINK_IN_FLIGHT_MAX, "writes that wait leave room for reads");
assert(LINK_WRITE_BYTES_HIGH < LINK_BACKLOG_BYTES_HIGH, "the bytes of writes that wait leave room for reads");
assert(2 * LINK_WRITE_BYTES_HIGH < LOG_BACKLOG_BYTES_MAX, "a balancer holds writes back before a node stops");
assert(LINK_CONNECTIONS_RESERVED < OPEN_FILES_RESERVED, "links have room in what no client may take");
assert(TEXT_LINE_BYTES_MAX <= REQUEST_BYTES_MAX, "a text line is a request");
assert(DATABASE_COUNT <= 2 ** 8, "a database's number is a u8");
assert(KEY_BYTES_MAX < 2 ** 16, "a key's length is a u16");
assert(STORE_CAP_BYTES_MIN > 2 * KEY_BYTES_MAX, "any key fits into the smallest store");
assert(
  READS_PER_TURN_MAX * 2 < OPERATIONS_PER_TURN,
  "a turn completes more than the reads that are issued in it, and as many writes",
);
assert(REPLY_BLOCK_BYTES <= OUTPUT_BYTES_KEEP, "a block of the usual size is kept");
assert(OUTPUT_BYTES_HIGH <= OUTBOX_BYTES_MAX, "a batch fits into an outbox");
assert(VALUE_BYTES_MAX < REPLY_BYTES_MAX, "the longest value can be told");
assert(REPLY_BYTES_SMALL < OUTPUT_BYTES_HIGH, "a little is less than a batch");
assert(READ_BUFFER_BYTES_MIN <= READ_BUFFER_BYTES, "the first read buffer is the smaller");
assert(LARGE_MESSAGE_BYTES_MIN <= READ_BUFFER_BYTES, "what fills a read buffer is large");
assert(
  READ_BUFFERS_KEPT_BYTES_MAX / WORKER_COUNT_MAX >= READ_BUFFER_BYTES_KEEP,
  "any worker may keep a large read buffer",
);
assert(REPLY_BYTES_SMALL < LINK_REPLY_BYTES_MAX, "a reply that is too long for a link is announced");
assert(2 * SLOT_COUNT <= 2 ** 15, "a slot and a bit are a positive i16");
assert(SHARD_COUNT_MAX <= SLOT_COUNT, "every shard has a slot");
assert(NODE_COUNT_MAX < 256, "a node's index is a u8");
const SILENCE_MS = (PROBE_LOOKS + SILENT_LOOKS_MAX) * LINK_LOOK_MS;
assert(SILENCE_MS < RETRY_DEADLINE_MS, "silence is noticed before requests have waited too long");
assert(RECORD_BYTES_MAX <= STREAM_CHUNK_BYTES_MAX, "any record fits into a batch");
assert(
  UNACKNOWLEDGED_BYTES_MAX <= STREAM_BUFFER_BYTES / 2,
  "a stream has room for what writes wait for, and a batch of requests more",
);
assert(STREAM_CHUNK_BYTES <= APPEND_BYTES, "a batch has room for a piece of a stream");
assert(HELD_BYTES_MAX >= LINK_BACKLOG_BYTES_HIGH, "what is under way on a link can be held");
assert(DUMP_STEP_MS <= BACKGROUND_STEP_MS, "dumps are background work");
