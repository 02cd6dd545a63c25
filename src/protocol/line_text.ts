/** Text on its way into a line of a reply, which it may not break. */
import { bytesOf } from "../core/bytes.ts";
import type { OutputBuffer } from "../core/output_buffer.ts";

/** Appends `text` in UTF-8, its line breaks as blanks. */
export function writeLineText(output: OutputBuffer, text: string): void {
  const length = text.length;
  output.reserve(length);
  const { bytes } = output;
  let at = output.length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return output.copy(bytesOf(text.replace(/[\r\n]/g, " ")));
    bytes[at++] = code === 0x0a || code === 0x0d ? 0x20 : code;
  }
  output.length = at;
}
