/** Puts something in the place of a method or a getter, for a time. */

/** Returns what puts the method back. */
export function replace<T extends object, K extends keyof T>(owner: T, method: K, by: T[K]): () => void {
  const former = owner[method];
  owner[method] = by;
  return () => owner[method] = former;
}

/** As {@linkcode replace}, for a getter; `by` is given the one that is there. */
export function replaceGetter<T extends object, V>(
  owner: T,
  name: keyof T,
  by: (former: (this: T) => V) => (this: T) => V,
): () => void {
  const former = Object.getOwnPropertyDescriptor(owner, name)!;
  Object.defineProperty(owner, name, { ...former, get: by(former.get as (this: T) => V) });
  return () => Object.defineProperty(owner, name, former);
}
