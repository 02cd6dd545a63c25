/** What a flag's value may be: how it is read from text, and how a person is told what it takes. */
import { assert } from "../core/assert.ts";
import { GIB, KIB, MIB } from "../core/limits.ts";
import type { Address } from "../io/network.ts";

export interface Kind<T> {
  /** Completes "takes …". */
  readonly takes: string;
  /** Stands for the value in the help; empty for a switch, which may stand without one. */
  readonly placeholder: string;
  /** The value, or `undefined` when the text is not of this kind. */
  read(text: string): T | undefined;
}

const PORT_MAX = 65_535;

export const PORT: Kind<number> = {
  takes: `a port number from 0 to ${PORT_MAX}`,
  placeholder: "PORT",
  read: (text) => integerWithin(text, 0, PORT_MAX),
};

export const HOST: Kind<string> = {
  takes: "a host name or an IP address",
  placeholder: "HOST",
  read: (text) => isHost(text) ? text : undefined,
};

export const PATH: Kind<string> = {
  takes: "a path",
  placeholder: "PATH",
  read: (text) => text.replace(/(?<=.)\/+$/, ""),
};

export const SWITCH: Kind<boolean> = {
  takes: "true or false",
  placeholder: "",
  read: (text) => text === "true" ? true : text === "false" ? false : undefined,
};

/** `HOST:PORT`, several of them separated by commas; an IPv6 address stands in brackets. */
export const ADDRESSES: Kind<readonly Address[]> = {
  takes: "HOST:PORT",
  placeholder: "HOST:PORT",
  read(text) {
    const addresses: Address[] = [];
    for (const part of text.split(",")) {
      const address = readAddress(part.trim());
      if (address === undefined) return undefined;
      addresses.push(address);
    }
    return addresses;
  },
};

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): Kind<number> {
  return {
    takes: `a whole number from ${min} to ${max}`,
    placeholder: "NUMBER",
    read: (text) => integerWithin(text, min, max),
  };
}

const BYTE_UNITS: Readonly<Record<string, number>> = { "": 1, b: 1, kb: KIB, mb: MIB, gb: GIB };

/** A size such as `256mb`, from `min` bytes on. */
export function bytes(min: number, max: number): Kind<number> {
  return {
    takes: `a size such as 256mb, 1gb or 100kb, from ${bytesText(min)} to ${bytesText(max)}`,
    placeholder: "SIZE",
    read: (text) => measureWithin(text, BYTE_UNITS, min, max),
  };
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION_MS_MAX = 24 * 3_600_000;

/** A time such as `30s` in milliseconds, up to a day. `whenZero` says what 0 means; without it 0 is refused. */
export function duration(whenZero?: string): Kind<number> {
  const takes = "a time such as 500ms, 30s, 5m or 1h, up to 24h";
  return {
    takes: whenZero === undefined ? takes : `${takes}, or 0 for ${whenZero}`,
    placeholder: "TIME",
    read(text) {
      if (text === "0") return whenZero === undefined ? undefined : 0;
      return measureWithin(text, DURATION_UNITS, whenZero === undefined ? 1 : 0, DURATION_MS_MAX);
    },
  };
}

/** One of `words`. */
export function choice<const W extends string>(...words: readonly W[]): Kind<W> {
  assert(words.length > 1, "a choice has at least two words");
  return {
    takes: `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`,
    placeholder: words.join("|"),
    read: (text) => words.find((word) => word === text),
  };
}

/** `bytes` in the largest unit that divides it, e.g. `256kb`. */
export function bytesText(bytes: number): string {
  for (const [name, unit] of [["gb", GIB], ["mb", MIB], ["kb", KIB]] as const) {
    if (bytes >= unit && bytes % unit === 0) return `${bytes / unit}${name}`;
  }
  return `${bytes}b`;
}

function integerWithin(text: string, min: number, max: number): number | undefined {
  if (!/^\d{1,15}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}

function measureWithin(
  text: string,
  units: Readonly<Record<string, number>>,
  min: number,
  max: number,
): number | undefined {
  const match = /^(\d{1,15})([a-z]*)$/i.exec(text);
  if (match === null) return undefined;
  const name = match[2]!.toLowerCase();
  if (!Object.hasOwn(units, name)) return undefined;
  const value = Number(match[1]) * units[name]!;
  return value >= min && value <= max ? value : undefined;
}

function readAddress(text: string): Address | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2]!;
  const port = integerWithin(match[3]!, 1, PORT_MAX);
  return port !== undefined && isHost(host) ? { host, port } : undefined;
}

function isHost(text: string): boolean {
  return /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text) ||
    /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/.test(text);
}
