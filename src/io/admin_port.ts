/** The HTTP port for machines that look after machines: `GET /health`. Clients' data never goes through it. */
import type { Clock } from "../core/clock.ts";
import { ADMIN_STOP_MS } from "../core/limits.ts";
import { type Address, ListenError } from "./network.ts";

export type HealthReport = { readonly isHealthy: boolean } & Readonly<Record<string, unknown>>;

export interface AdminPort {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `GET /health` on `address`: 200 with `health()` as JSON while `isHealthy`, else 503. Port 0 picks a free one.
 * Throws `ListenError`.
 */
export function openAdminPort(address: Address, clock: Clock, health: () => HealthReport): AdminPort {
  const server = serve(address, health);
  // A request that is never completed does not hold up a stop: the process ends, and its connections with it.
  const close = () =>
    new Promise<void>((resolve) => {
      const deadline = clock.after(ADMIN_STOP_MS, resolve);
      server.shutdown().finally(() => {
        deadline.cancel();
        resolve();
      });
    });
  return { port: server.addr.port, close };
}

function serve(address: Address, health: () => HealthReport): Deno.HttpServer<Deno.NetAddr> {
  const options = { hostname: address.host, port: address.port, onListen: () => {} };
  try {
    return Deno.serve(options, (request) => answer(request, health));
  } catch (error) {
    throw new ListenError(address, error);
  }
}

function answer(request: Request, health: () => HealthReport): Response {
  const { pathname } = new URL(request.url);
  if (pathname !== "/health") {
    return Response.json({ error: "not found: GET /health is here" }, { status: 404 });
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return Response.json({ error: `${request.method} is not taken: use GET` }, { status: 405 });
  }
  const { isHealthy, ...details } = health();
  const status = isHealthy ? "ok" : "degraded";
  return Response.json({ status, program: "roundel balancer", process: Deno.pid, ...details }, {
    status: isHealthy ? 200 : 503,
  });
}
