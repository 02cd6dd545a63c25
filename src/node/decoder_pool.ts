import { DECODER_COUNT_KEPT } from "../core/limits.ts";
import { RequestDecoder } from "../protocol/request_decoder.ts";

/** Decoders that nobody uses. A client in the middle of a request keeps the one that has seen its beginning. */
export class DecoderPool {
  readonly #free: RequestDecoder[] = [];

  take(): RequestDecoder {
    return this.#free.pop() ?? new RequestDecoder();
  }

  /** The next who takes it decodes another request. */
  give(decoder: RequestDecoder): void {
    if (this.#free.length === DECODER_COUNT_KEPT) return;
    decoder.forget();
    decoder.settle();
    this.#free.push(decoder);
  }
}
