/** A disk of which one method fails, as nobody expects, for as long as a test says. */
import type { Disk, DiskFile, DiskLock } from "../../src/io/disk.ts";

/** Each method by its name here, and whether it throws at once instead of rejecting. */
const METHODS = {
  disk: {
    open: false,
    create: false,
    exists: false,
    size: false,
    readFile: false,
    writeFile: false,
    syncFile: false,
    syncDirectory: false,
    rename: false,
    remove: false,
    makeDirectory: false,
    list: false,
    lock: false,
  } satisfies Record<keyof Disk, boolean>,
  file: {
    writeSync: true,
    write: false,
    read: false,
    sync: false,
    seek: false,
    seekSync: true,
    truncate: false,
    close: true,
  } satisfies Record<keyof DiskFile, boolean>,
  lock: { release: true } satisfies Record<keyof DiskLock, boolean>,
};
type Part = keyof typeof METHODS;

/** `disk.open` … `lock.release`. */
export const DISK_METHODS: readonly string[] = Object.entries(METHODS).flatMap(([part, methods]) =>
  Object.keys(methods).map((method) => `${part}.${method}`)
);

export class DiskFaults {
  /** One of {@linkcode DISK_METHODS}: its calls fail. */
  method = "";
  readonly error = Object.assign(new Error("Remote I/O error (os error 121)"), { code: "EREMOTEIO" });
  /** Calls that have failed. */
  count = 0;

  /** `disk` with these faults. */
  on(disk: Disk): Disk {
    return this.#wrap("disk", disk);
  }

  #wrap<T extends object>(part: Part, target: T): T {
    return new Proxy(target, {
      get: (_, name) => {
        const method = Reflect.get(target, name, target);
        if (typeof method !== "function") return method;
        return (...args: unknown[]) => this.#call(part, String(name), () => method.apply(target, args));
      },
    });
  }

  #call(part: Part, name: string, call: () => unknown): unknown {
    if (`${part}.${name}` === this.method) {
      this.count++;
      if ((METHODS[part] as Record<string, boolean>)[name]) throw this.error;
      return Promise.reject(this.error);
    }
    const result = call();
    if (name === "open" || name === "create") {
      return (result as Promise<DiskFile>).then((file) => this.#wrap("file", file));
    }
    if (name === "lock") return (result as Promise<DiskLock>).then((lock) => this.#wrap("lock", lock));
    return result;
  }
}
