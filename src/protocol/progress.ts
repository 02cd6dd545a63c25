/** What decoders and scanners return instead of the offset behind a message. */

/** The message has not arrived whole; call again with more bytes. */
export const INCOMPLETE = -1;
/** The bytes are no message, and nothing behind them can be understood. */
export const INVALID = -2;
