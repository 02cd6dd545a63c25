/** Assertions for bugs: what they state holds unless the program itself is wrong. */

/** Thrown when an assertion does not hold. Never caught to go on: a process with a bug stops. */
export class AssertionError extends Error {
  override name = "AssertionError";
}

/** Throws {@linkcode AssertionError} with `message` unless `condition` holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(`Assertion failed: ${message}`);
}
