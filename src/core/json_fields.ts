/**
 * Reads one JSON object field by field, each with its kind and bounds, for documents that others wrote: files, and what
 * processes of a cluster tell each other. What is wrong is said with the field's path.
 */

/** Makes the error that says what is wrong with the document. */
export type Refuse = (what: string) => Error;

/** The fields of the object that `text` is. */
export function parseFields(text: string, refuse: Refuse): JsonFields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("it is not JSON");
  }
  return new JsonFields(value, "", refuse);
}

export class JsonFields {
  readonly #object: Record<string, unknown>;
  readonly #path: string;
  readonly #refuse: Refuse;
  readonly #read = new Set<string>();

  constructor(value: unknown, path: string, refuse: Refuse) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw refuse(`${path === "" ? "the document" : path} is not an object`);
    }
    this.#object = value as Record<string, unknown>;
    this.#path = path === "" ? "" : `${path}.`;
    this.#refuse = refuse;
  }

  /** A text that is not empty. */
  text(name: string): string {
    const value = this.#take(name);
    if (typeof value !== "string" || value === "") throw this.#wrong(name, "a text", value);
    return value;
  }

  /** A text, which may be empty. */
  anyText(name: string): string {
    const value = this.#take(name);
    if (typeof value !== "string") throw this.#wrong(name, "a text", value);
    return value;
  }

  textOrNull(name: string): string | null {
    return this.#object[name] === null ? this.#take(name) as null : this.text(name);
  }

  boolean(name: string): boolean {
    const value = this.#take(name);
    if (typeof value !== "boolean") throw this.#wrong(name, "true or false", value);
    return value;
  }

  integer(name: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#take(name);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      throw this.#wrong(name, `an integer of ${min} to ${max}`, value);
    }
    return value;
  }

  oneOf<Word extends string>(name: string, words: readonly Word[]): Word {
    const value = this.#take(name);
    const word = words.find((each) => each === value);
    if (word === undefined) throw this.#wrong(name, words.join(" or "), value);
    return word;
  }

  texts(name: string): string[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) {
      throw this.#wrong(name, "a list of texts", value);
    }
    return value;
  }

  /** A list of `bounds[0]` to `bounds[1]` objects, each read by `parse` whole. */
  list<Item>(name: string, bounds: readonly [number, number], parse: (fields: JsonFields) => Item): Item[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.length < bounds[0] || value.length > bounds[1]) {
      throw this.#wrong(name, `a list of ${bounds[0]} to ${bounds[1]} entries`, value);
    }
    return value.map((item, i) => {
      const fields = new JsonFields(item, `${this.#path}${name}[${i}]`, this.#refuse);
      const parsed = parse(fields);
      fields.end();
      return parsed;
    });
  }

  /** Refuses fields that nobody asked for. */
  end(): void {
    for (const name of Object.keys(this.#object)) {
      if (!this.#read.has(name)) throw this.#refuse(`${this.#path}${name} is not known here`);
    }
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.#object[name];
  }

  #wrong(name: string, expected: string, value: unknown): Error {
    const shown = value === undefined ? "nothing" : JSON.stringify(value).slice(0, 60);
    return this.#refuse(`${this.#path}${name} must be ${expected}, and is ${shown}`);
  }
}
