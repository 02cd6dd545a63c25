/** The HTTP port for machines that look after machines: `GET /health`. Clients' data never goes through it. */
import type { Address } from "./network.ts";

export interface AdminPort {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `GET /health` on `address`: 200 with `health()` as JSON while `isHealthy`, else 503. Port 0 picks a free one.
 * Throws `Deno.errors.AddrInUse` and the like.
 */
export function openAdminPort(
  address: Address,
  health: () => { isHealthy: boolean } & Record<string, unknown>,
): AdminPort {
  const server = Deno.serve(
    { hostname: address.host, port: address.port, onListen: () => {} },
    (request) => answer(request, health),
  );
  return { port: server.addr.port, close: () => server.shutdown() };
}

function answer(
  request: Request,
  health: () => { isHealthy: boolean } & Record<string, unknown>,
): Response {
  const { pathname } = new URL(request.url);
  if (pathname !== "/health") {
    return Response.json({ error: "not found: GET /health is here" }, { status: 404 });
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    return Response.json({ error: `${request.method} is not taken: use GET` }, { status: 405 });
  }
  const { isHealthy, ...details } = health();
  return Response.json({ status: isHealthy ? "ok" : "degraded", ...details }, {
    status: isHealthy ? 200 : 503,
  });
}
