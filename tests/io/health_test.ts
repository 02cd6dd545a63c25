/** Health checks, against a server that says what the test says. */
import { assertEquals } from "@std/assert";
import { bytesOf, textOf } from "../../src/core/bytes.ts";
import { type BalancerHealth, healthOfBalancer, whyNodeUnhealthy } from "../../src/io/health.ts";
import type { Address, Connection, Network } from "../../src/io/network.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { advance } from "../support/settle.ts";

const ADMIN_PORT = 9080;

interface Script {
  /** What each read brings; after the last one the far end has closed, or is silent. */
  readonly chunks: readonly string[];
  /** The same for the admin port. */
  readonly adminChunks?: readonly string[];
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
    const { chunks: clientChunks, adminChunks = [] } = this.#script;
    const chunks = [...address.port === ADMIN_PORT ? adminChunks : clientChunks];
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
const STATUS = "*2\r\n$7\r\nROUNDEL\r\n$6\r\nSTATUS\r\n";

function askNode(network: Network, address = ADDRESS, clock = new FakeClock()): Promise<string> {
  return whyNodeUnhealthy(address, { network, clock });
}

function askBalancer(network: Network, adminPort = ADMIN_PORT): Promise<BalancerHealth> {
  return healthOfBalancer({ ...ADDRESS, adminPort }, { network, clock: new FakeClock() });
}

Deno.test("A node that says it serves is healthy", async () => {
  const server = new ScriptedServer({ chunks: ["$", "19\r\n", '{"writeRefusal":""}', "\r\n"] });
  assertEquals(await askNode(server), "");
  assertEquals(server.sent, STATUS);
  assertEquals(server.isClosed, true);
});

Deno.test("A node that recovers or takes no writes is not healthy, and says why", async () => {
  for (
    const [chunks, why] of [
      [["-LOADING The node is recovering\r\n"], "LOADING The node is recovering"],
      [['$35\r\n{"writeRefusal":"the disk', ' is full"}\r\n'], "the disk is full"],
      [["$2\r\n{}\r\n"], "$2"],
      [["-ERR max number of clients reached\r\n"], "ERR max number of clients reached"],
      [[], "it closed the connection"],
    ] as const
  ) {
    const server = new ScriptedServer({ chunks });
    assertEquals(await askNode(server), `node 127.0.0.1:8081: ${why}`);
    assertEquals(server.isClosed, true);
  }
});

Deno.test("A process that says nothing in time is not healthy", async () => {
  const clock = new FakeClock();
  const server = new ScriptedServer({ chunks: [], isSilent: true });
  const why = askNode(server, ADDRESS, clock);
  await advance(clock, 2_000);
  assertEquals(await why, "node 127.0.0.1:8081: no answer within 2000 ms");
  assertEquals(server.isClosed, true);
});

Deno.test("A process that cannot be reached is not healthy", async () => {
  const network: Network = {
    listen: () => {
      throw new Error("a health check does not listen");
    },
    connect: () => Promise.reject(new Deno.errors.ConnectionRefused("refused")),
  };
  assertEquals(await askNode(network), "node 127.0.0.1:8081: it cannot be reached: refused");
  const whyNot = "balancer 127.0.0.1:8081: it cannot be reached: refused";
  assertEquals(await askBalancer(network), { whyNot, note: "" });
});

Deno.test("A balancer is healthy when its report is and it answers clients", async () => {
  const report = (status: string, body: string) => [`HTTP/1.1 ${status}\r\nvary: x\r\n\r\n${body}`];
  const pong = ["+PONG\r\n"];
  for (
    const [script, adminPort, why] of [
      [{ chunks: pong, adminChunks: report("200 OK", "{}") }, ADMIN_PORT, ""],
      [{ chunks: pong }, 0, ""],
      [
        { chunks: pong, adminChunks: report("503 Service Unavailable", '{"nodes":[]}') },
        ADMIN_PORT,
        'balancer 127.0.0.1:8081: {"nodes":[]}',
      ],
      [
        { chunks: [], adminChunks: report("200 OK", "{}") },
        ADMIN_PORT,
        "balancer 127.0.0.1:8081: it closed the connection",
      ],
    ] as const
  ) assertEquals(await askBalancer(new ScriptedServer(script), adminPort), { whyNot: why, note: "" });
});

Deno.test("A health check names shards without a primary, and notes those short of copies", async () => {
  const node = { address: "127.0.0.1:8082", state: "away", cause: "Connection refused" };
  const report = (status: string, shardsWithoutPrimary: number[], shardsShortOfCopies: number[]) => {
    const body = JSON.stringify({ nodes: [node], shardsWithoutPrimary, shardsShortOfCopies });
    return { chunks: ["+PONG\r\n"], adminChunks: [`HTTP/1.1 ${status}\r\nvary: x\r\n\r\n${body}`] };
  };
  const away = "node 127.0.0.1:8082 is away: Connection refused";
  assertEquals(await askBalancer(new ScriptedServer(report("503 Service Unavailable", [0, 4, 5, 6], []))), {
    whyNot: `balancer 127.0.0.1:8081: without a primary that serves: shards 0, 4-6; ${away}`,
    note: "",
  });
  assertEquals(await askBalancer(new ScriptedServer(report("200 OK", [], [2, 3, 9]))), {
    whyNot: "",
    note: `balancer 127.0.0.1:8081: short of copies in sync: shards 2-3, 9; ${away}`,
  });
});

Deno.test("A process on every address is asked through the loopback", async () => {
  for (const [host, asked] of [["0.0.0.0", "127.0.0.1"], ["::", "::1"], ["node1", "node1"]] as const) {
    const server = new ScriptedServer({ chunks: ['$19\r\n{"writeRefusal":""}\r\n'] });
    await askNode(server, { host, port: 1 });
    assertEquals(server.asked, { host: asked, port: 1 });
  }
});
