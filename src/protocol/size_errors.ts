/** What a node and a balancer say of a request whose parts are too long. */
import { KEY_BYTES_MAX } from "../core/limits.ts";

export const KEY_TOO_LONG = `ERR key exceeds maximum allowed size (${KEY_BYTES_MAX} bytes)`;
export const VALUE_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
