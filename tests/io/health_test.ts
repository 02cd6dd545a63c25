/** The health check, against a server that says what the test says. */
import { assertEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { checkHealth } from "../../src/io/health.ts";
import type { Address, Connection, Network } from "../../src/io/network.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { advance } from "../support/settle.ts";

interface Script {
  /** What each read brings; after the last one the far end has closed, or is silent. */
  readonly chunks: readonly string[];
  readonly isSilent?: boolean;
}

class ScriptedServer implements Network {
  readonly #script: Script;
  sent = "";
  asked: Address | null = null;
  isClosed = false;

  constructor(script: Script) {
    this.#script = script;
  }

  listen(): never {
    throw new Error("a health check does not listen");
  }

  connect(address: Address): Promise<Connection> {
    this.asked = address;
    const chunks = [...this.#script.chunks];
    return Promise.resolve({
      remote: "test",
      read: (buffer) => {
        const chunk = chunks.shift();
        if (chunk === undefined) return this.#script.isSilent ? new Promise(() => {}) : Promise.resolve(null);
        buffer.set(bytesOf(chunk));
        return Promise.resolve(chunk.length);
      },
      write: (bytes) => {
        this.sent += textOf(bytes);
        return Promise.resolve(bytes.length);
      },
      closeWrite: () => Promise.resolve(),
      close: () => this.isClosed = true,
    });
  }
}

const ADDRESS = { host: "127.0.0.1", port: 8081 };

Deno.test("A process that answers PING is healthy", async () => {
  const server = new ScriptedServer({ chunks: ["+PO", "NG\r\n"] });
  assertEquals(await checkHealth(server, new FakeClock(), ADDRESS), true);
  assertEquals(server.sent, "*1\r\n$4\r\nPING\r\n");
  assertEquals(server.isClosed, true);
});

Deno.test("A process that answers something else, or closes, is not healthy", async () => {
  for (const chunks of [["-ERR ma"], ["+PO"], []]) {
    const server = new ScriptedServer({ chunks });
    assertEquals(await checkHealth(server, new FakeClock(), ADDRESS), false);
    assertEquals(server.isClosed, true);
  }
});

Deno.test("A process that says nothing in time is not healthy", async () => {
  const clock = new FakeClock();
  const server = new ScriptedServer({ chunks: [], isSilent: true });
  const healthy = checkHealth(server, clock, ADDRESS);
  await advance(clock, 2_000);
  assertEquals(await healthy, false);
  assertEquals(server.isClosed, true);
});

Deno.test("A process that cannot be reached is not healthy", async () => {
  const network: Network = {
    listen: () => {
      throw new Error("a health check does not listen");
    },
    connect: () => Promise.reject(new Deno.errors.ConnectionRefused("refused")),
  };
  assertEquals(await checkHealth(network, new FakeClock(), ADDRESS), false);
});

Deno.test("A process on every address is asked through the loopback", async () => {
  for (const [host, asked] of [["0.0.0.0", "127.0.0.1"], ["::", "::1"], ["node1", "node1"]] as const) {
    const server = new ScriptedServer({ chunks: ["+PONG\r\n"] });
    await checkHealth(server, new FakeClock(), { host, port: 1 });
    assertEquals(server.asked, { host: asked, port: 1 });
  }
});
