/** A child process as its parent sees it, and who starts one. */

export interface ChildSpec {
  /** As it appears in front of the child's lines, e.g. `node:8081`. */
  readonly name: string;
  readonly args: readonly string[];
}

export interface ChildEnd {
  readonly code: number;
  readonly signal: string | null;
}

export interface Child {
  readonly pid: number;
  /** Resolves once the child has ended and all its lines were heard. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Harmless when the child has ended. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

export type OutputStream = "stdout" | "stderr";
export type LineListener = (line: string, stream: OutputStream) => void;

export interface Spawner {
  /** Starts a child; its standard input stays open for as long as we live. Throws when it cannot be started. */
  spawn(spec: ChildSpec, onLine: LineListener): Child;
}
