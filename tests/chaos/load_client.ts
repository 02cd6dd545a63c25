/** The clients of the load: npm `redis`, `ioredis`, and plain RESP; each says the same of a reply, and asks nothing twice. */
import { Redis } from "ioredis";
import { createClient } from "redis";
import type { ReplyValue } from "../../src/protocol/reply_value.ts";
import { RespClient, show } from "../support/resp_client.ts";

export type Answer = string | number | null | readonly (string | null)[];

/** Told by the server in place of an answer. */
export class ErrorReply extends Error {}

/** One connection. */
export interface LoadClient {
  /** Rejects with an `ErrorReply`, or with another error when the connection broke. */
  call(request: readonly string[]): Promise<Answer>;
  close(): void;
}

export const CLIENT_KINDS: readonly ((port: number) => Promise<LoadClient>)[] = [nodeRedis, ioRedis, plain];

async function nodeRedis(port: number): Promise<LoadClient> {
  const client = createClient({
    socket: { host: "127.0.0.1", port, reconnectStrategy: false },
    disableOfflineQueue: true,
  });
  client.on("error", () => {});
  await client.connect();
  return {
    call: (request) => client.sendCommand<Answer>([...request]).catch(tellError),
    close: () => client.destroy(),
  };
}

async function ioRedis(port: number): Promise<LoadClient> {
  const client = new Redis({
    host: "127.0.0.1",
    port,
    lazyConnect: true,
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  });
  client.on("error", () => {});
  await client.connect();
  return {
    call: ([name, ...args]) => client.call(name!, ...args).then((value) => value as Answer, tellError),
    close: () => client.disconnect(),
  };
}

/** The plain client, without a library. */
export async function plain(port: number): Promise<LoadClient> {
  const client = await RespClient.connect(port);
  return {
    call: async (request) => {
      await client.send(request);
      const reply = await client.receive();
      if (reply.kind === "error") throw new ErrorReply(reply.text);
      return answerOf(reply);
    },
    close: () => client.close(),
  };
}

function answerOf(reply: ReplyValue): Answer {
  if (reply.kind === "nil") return null;
  if (reply.kind === "integer") return Number(reply.value);
  if (reply.kind === "array") return reply.items.map((item) => item.kind === "nil" ? null : show(item));
  return show(reply);
}

/** The libraries' error replies begin with a word in capital letters; their own errors do not. */
function tellError(error: Error): never {
  if (/^-?[A-Z]{3,} /.test(error.message)) throw new ErrorReply(error.message);
  throw error;
}
