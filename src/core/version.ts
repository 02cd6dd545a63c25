/** Version of Roundel, as INFO, HELLO and `--version` show it. */
export const VERSION = "0.1.0";
