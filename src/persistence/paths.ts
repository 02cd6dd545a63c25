/** Where a node keeps its files. The port tells nodes that share a folder apart. */
export interface NodePaths {
  readonly dataDirectory: string;
  /** Folder of the log's segments. */
  readonly logDirectory: string;
  readonly dump: string;
  readonly node: string;
  readonly lock: string;
}

export function pathsOf(dataDirectory: string, port: number): NodePaths {
  return {
    dataDirectory,
    logDirectory: `${dataDirectory}/log_${port}`,
    dump: `${dataDirectory}/dump_${port}.data`,
    node: `${dataDirectory}/node_${port}.json`,
    lock: `${dataDirectory}/node_${port}.lock`,
  };
}
