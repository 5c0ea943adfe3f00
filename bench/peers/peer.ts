/** What the peers benchmark asks of a server, whoever made it. */

export interface Server {
  /** Takes OTLP in at `/v1/traces`. */
  readonly url: string;
  /** All processes that serve. */
  readonly pids: readonly number[];
  /** Resolves when every trace is decided and what was kept is written. */
  settled(): Promise<void>;
  keptTraces(): Promise<number>;
  /** How many spans of each of these traces are kept, 0 where there is none. */
  spanCounts(traceIds: readonly string[]): Promise<number[]>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** On a folder for its state, which may be that of one that was killed. */
  start(stateDir: string): Promise<Server>;
}
