import { assertEquals } from "@std/assert";
import { bootIdSince, wasRestarted } from "../../src/core/boot_id.ts";

const [FIRST, SECOND] = ["6f1c7d0e-0000-4000-8000-000000000001", "6f1c7d0e-0000-4000-8000-000000000002"];
const since = (seconds: number) => bootIdSince(1_700_000_000_000 + seconds * 1_000);

Deno.test("A machine was restarted when the kernel's ids differ, or the times since when it runs by more than clocks do", () => {
  for (
    const [before, now, expected] of [
      [FIRST, FIRST, false],
      [FIRST, SECOND, true],
      [since(0), since(0), false],
      [since(0), since(2), false],
      [since(2), since(0), false],
      [since(0), since(10), true],
      [FIRST, since(0), false],
      [since(0), FIRST, false],
      [null, FIRST, false],
      [since(0), null, false],
    ] as const
  ) assertEquals(wasRestarted(before, now), expected, `${before}, ${now}`);
});
