/** Threads of this process that run a module of ours, each with an event loop of its own. */

export interface WorkerThread<To> {
  post(message: To): void;
  /** Ends the thread at once. */
  terminate(): void;
}

/** Starts `module`. `onMessage` hears what it posts, `onFailure` of an error that nobody in it caught. */
export function startThread<To, From>(
  module: URL,
  onMessage: (message: From) => void,
  onFailure: (cause: string) => void,
): WorkerThread<To> {
  const worker = new Worker(module, { type: "module" });
  worker.onmessage = (event: MessageEvent<From>) => onMessage(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    onFailure(event.message);
  };
  return { post: (message) => worker.postMessage(message), terminate: () => worker.terminate() };
}

/** Within such a thread: hears what is posted to it. Returns what posts to its starter. */
export function onPosted<To, From>(heard: (message: To) => void): (message: From) => void {
  const scope = globalThis as unknown as {
    onmessage: (event: MessageEvent<To>) => void;
    postMessage(message: From): void;
  };
  scope.onmessage = (event) => heard(event.data);
  return (message) => scope.postMessage(message);
}
