/**
 * Writers for crash tests: each sets one key after the other, remembers what was acknowledged, and afterwards checks
 * that every acknowledged value is there and that no value is torn.
 */
import { assertEquals } from "@std/assert";
import { RespClient, show } from "./resp_client.ts";

const KEYS_PER_WRITER = 200;
const PIPELINE_DEPTH = 8;
/** Keys that are read at once. */
const READ_DEPTH = 100;

/** What a key may hold: its last acknowledged version, or a later one that was sent and not answered. */
interface Expectation {
  acknowledged: number;
  sent: number;
}

export class Writers {
  readonly #expectations = new Map<string, Expectation>();
  readonly #count: number;
  #stopped = false;
  #running: Promise<void>[] = [];
  acknowledgedCount = 0;
  /** Unacknowledged errors seen, by their first word. */
  readonly errors = new Map<string, number>();

  constructor(count: number) {
    this.#count = count;
  }

  /** Starts writing through `port`; each writer ends when its connection breaks or {@linkcode Writers.stop} is called. */
  start(port: number): void {
    this.#stopped = false;
    this.#running = Array.from({ length: this.#count }, (_, writer) => this.#write(writer, port));
  }

  /** Resolves once `count` further writes were acknowledged. */
  async progressed(count: number): Promise<void> {
    const goal = this.acknowledgedCount + count;
    const deadline = Date.now() + 20_000;
    while (this.acknowledgedCount < goal) {
      if (Date.now() > deadline) {
        throw new Error(`Writers stand still at ${this.acknowledgedCount}: ${[...this.errors]}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  /** Reads every key through `port` and compares. Returns how many keys were checked. */
  async verify(port: number): Promise<number> {
    const client = await RespClient.connect(port);
    const lost: string[] = [];
    const keys = [...this.#expectations.keys()];
    for (const [i, [key, { acknowledged, sent }]] of [...this.#expectations].entries()) {
      if (i % READ_DEPTH === 0) {
        await client.send(...keys.slice(i, i + READ_DEPTH).map((each) => ["GET", each]));
      }
      const reply = show(await client.receive());
      const version = reply === "(nil)" ? 0 : versionOf(key, reply);
      if (Number.isNaN(version)) lost.push(`${key} is torn: ${reply.slice(0, 80)}`);
      else if (version < acknowledged || version > sent) {
        lost.push(`${key} is at version ${version}, acknowledged ${acknowledged}, sent ${sent}`);
      }
    }
    client.close();
    assertEquals(lost, []);
    return this.#expectations.size;
  }

  async #write(writer: number, port: number): Promise<void> {
    let client: RespClient;
    try {
      client = await RespClient.connect(port);
    } catch {
      return;
    }
    try {
      let version = 1 + Math.max(0, ...[...this.#expectations.values()].map(({ sent }) => sent));
      for (let key = 0; !this.#stopped; version++) {
        const batch: [Expectation, number][] = [];
        const requests: string[][] = [];
        for (let i = 0; i < PIPELINE_DEPTH; i++) {
          const name = `writer:${writer}:${key++ % KEYS_PER_WRITER}`;
          const expectation = this.#expectations.get(name) ?? { acknowledged: 0, sent: 0 };
          this.#expectations.set(name, expectation);
          expectation.sent = version;
          batch.push([expectation, version]);
          requests.push(["SET", name, valueOf(name, version)]);
        }
        await client.send(...requests);
        for (const [expectation, written] of batch) {
          const reply = show(await client.receive());
          if (reply === "OK") {
            expectation.acknowledged = written;
            this.acknowledgedCount++;
          } else {
            const kind = reply.split(" ")[0]!;
            this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
          }
        }
      }
    } catch {
      // The connection broke: what was not acknowledged may or may not be there.
    } finally {
      client.close();
    }
  }
}

/** A value that tells its version and shows any tear: the same words over and over, of a length that varies. */
function valueOf(key: string, version: number): string {
  return `${key}=${version};`.repeat(1 + version % 7);
}

/** The version of a whole value; NaN for a torn one. */
function versionOf(key: string, value: string): number {
  const version = Number(/=(\d+);/.exec(value)?.[1]);
  return value === valueOf(key, version) ? version : NaN;
}
