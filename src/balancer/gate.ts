/** What takes no requests for now. */
export interface Gate {
  /** Resolves when it may be tried again. */
  whenRoom(): Promise<void>;
}
