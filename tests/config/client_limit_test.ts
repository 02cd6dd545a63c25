/** How many clients fit into a process's limit of open files. */
import { assertEquals, assertThrows } from "@std/assert";
import { clientLimitOf } from "../../src/config/client_limit.ts";
import { RefusalError } from "../../src/core/errors.ts";
import { CLIENT_COUNT_MAX, OPEN_FILES_RESERVED } from "../../src/core/limits.ts";

Deno.test("What was asked for is granted where the limit has room for it, or is not known", () => {
  assertEquals(clientLimitOf(CLIENT_COUNT_MAX, 1_048_576), { count: CLIENT_COUNT_MAX, warning: "" });
  assertEquals(clientLimitOf(CLIENT_COUNT_MAX, null), { count: CLIENT_COUNT_MAX, warning: "" });
  assertEquals(clientLimitOf(100, 100 + OPEN_FILES_RESERVED), { count: 100, warning: "" });
});

Deno.test("The default is lowered in silence, a demand with a warning, and links come first", () => {
  assertEquals(clientLimitOf(CLIENT_COUNT_MAX, 1_024), { count: 1_024 - OPEN_FILES_RESERVED, warning: "" });
  const { count, warning } = clientLimitOf(30_000, 20_000, 32);
  assertEquals(count, 20_000 - OPEN_FILES_RESERVED - 32);
  assertEquals(
    warning,
    `--max-clients 30000 is lowered to ${count}: this process may open 20000 files; raise the limit (ulimit -n)`,
  );
});

Deno.test("A limit without room for a single client is refused", () => {
  assertThrows(() => clientLimitOf(10, OPEN_FILES_RESERVED), RefusalError, "ulimit -n");
});
