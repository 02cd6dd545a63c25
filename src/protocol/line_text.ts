/** Text on its way into a line of a reply, which it may not break, nor make longer than a line may be. */
import { bytesOf } from "../core/bytes.ts";
import { REPLY_LINE_BYTES_MAX } from "../core/limits.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

/** What stands for the rest of a line that was cut. */
const CUT = "...";

/** Appends `text` in UTF-8, its line breaks as blanks, cut to `REPLY_LINE_BYTES_MAX`. */
export function writeLineText(output: OutputBuffer, text: string): void {
  const length = text.length;
  if (length > REPLY_LINE_BYTES_MAX) return writeBytes(output, text.slice(0, REPLY_LINE_BYTES_MAX + 1));
  output.reserve(length);
  const { bytes } = output;
  let at = output.length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return writeBytes(output, text);
    bytes[at++] = code === 0x0a || code === 0x0d ? 0x20 : code;
  }
  output.length = at;
}

function writeBytes(output: OutputBuffer, text: string): void {
  const bytes = bytesOf(text.replace(/[\r\n]/g, " "));
  if (bytes.length <= REPLY_LINE_BYTES_MAX) return output.copy(bytes);
  let end = REPLY_LINE_BYTES_MAX - CUT.length;
  while (isInsideCharacter(bytes[end]!)) end--;
  output.copy(bytes, 0, end);
  output.ascii(CUT);
}

/** Whether a character of UTF-8 goes on with `byte`. */
function isInsideCharacter(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
