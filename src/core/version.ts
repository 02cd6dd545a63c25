/** Version of Roundel, as INFO, HELLO and `--version` show it. */
export const VERSION = "0.1.0";
/** What clients are told that look at the version of Redis to see what they may use. */
export const REDIS_VERSION = "7.4.0";
