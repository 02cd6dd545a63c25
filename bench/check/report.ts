/**
 * What was measured against what is allowed: one row a bound, as a Markdown table, and what is wrong in sentences.
 * Every bound that belongs to a part that ran must have been measured, and every number must have a bound, so that
 * neither side can be lost unnoticed.
 */

export interface Bound {
  /** Unique; begins with the part that measures it. */
  readonly name: string;
  readonly unit: string;
  /** The most that is allowed. */
  readonly max: number;
  /** Why this much and not less. */
  readonly reason: string;
}

/** Values by the bounds' names. */
export type Measurements = ReadonlyMap<string, number>;

/** The table, in the order of `bounds`; rows of parts that did not run are left out. */
export function tableOf(bounds: readonly Bound[], measured: Measurements): string {
  const rows = bounds.flatMap(({ name, unit, max, reason }) => {
    const value = measured.get(name);
    if (value === undefined) return [];
    const verdict = value <= max ? "" : " **over**";
    return [`| ${name} | ${numberText(value)}${verdict} | ${numberText(max)} | ${unit} | ${reason} |`];
  });
  return ["| name | measured | bound | unit | reason |", "|---|---:|---:|---|---|", ...rows].join("\n");
}

/** What is wrong, a sentence each; `parts` are the ones that ran. */
export function failuresOf(
  bounds: readonly Bound[],
  measured: Measurements,
  parts: readonly string[],
): string[] {
  const failures: string[] = [];
  for (const { name, unit, max } of bounds) {
    if (!parts.some((part) => name.startsWith(`${part}: `))) continue;
    const value = measured.get(name);
    if (value === undefined || !Number.isFinite(value)) failures.push(`${name}: was not measured`);
    else if (value > max) {
      failures.push(`${name}: measured ${numberText(value)} ${unit}, the bound is ${numberText(max)}`);
    }
  }
  const known = new Set(bounds.map(({ name }) => name));
  for (const [name, value] of measured) {
    if (!known.has(name)) failures.push(`${name}: measured ${numberText(value)}, and has no bound`);
  }
  return failures;
}

/** At most two decimals. */
function numberText(value: number): string {
  return String(Math.round(value * 100) / 100);
}
