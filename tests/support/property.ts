/**
 * Properties (fast-check) with one seed for the whole run: a failure prints it, and `ROUNDEL_TEST_SEED` gives it back,
 * so that every property meets the very inputs that it met then.
 */
import fc from "fast-check";

const SEED_VARIABLE = "ROUNDEL_TEST_SEED";
const SEED = seedOfRun(Deno.env.get(SEED_VARIABLE));

/** The seed that `text` names; without one, another for each run. Throws a `RangeError` for what is no 32-bit integer. */
export function seedOfRun(text: string | undefined): number {
  if (text === undefined || text === "") return Math.floor(Math.random() * 2 ** 31);
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed !== (seed | 0)) {
    throw new RangeError(`${SEED_VARIABLE} must be a 32-bit integer, got "${text}"`);
  }
  return seed;
}

/** As `fc.assert`, with the seed of this run. */
export function assertProperty<Ts>(
  property: fc.IAsyncProperty<Ts>,
  options?: fc.Parameters<Ts>,
): Promise<void>;
export function assertProperty<Ts>(property: fc.IProperty<Ts>, options?: fc.Parameters<Ts>): void;
export function assertProperty<Ts>(
  property: fc.IRawProperty<Ts>,
  options: fc.Parameters<Ts> = {},
): Promise<void> | void {
  const parameters: fc.Parameters<Ts> = { seed: SEED, ...options };
  return fc.assert(property, {
    ...parameters,
    reporter: (details) => {
      if (!details.failed) return;
      const message = `${
        fc.defaultReportMessage(details)
      }\nTo meet it again: ${SEED_VARIABLE}=${parameters.seed}`;
      throw new Error(message, { cause: details.errorInstance });
    },
  });
}
