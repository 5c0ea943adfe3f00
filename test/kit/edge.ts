/** The edge as the tests use it: in this process (`startEdge`), or as a process of its own to be killed (`spawnEdge`). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type LocalEdge, type LocalOptions, probePort, startLocal } from '../../scripts/local.ts';
import { ROOT, toolEnv } from '../../scripts/run.ts';
import type { EdgeReport } from './edge-process.ts';
import { tempDir } from './temp-dir.ts';

export type EdgeOptions = Partial<Omit<LocalOptions, 'onLog'>>;

export interface TestEdge extends LocalEdge {
  /** What the Workers printed so far, one entry a line. */
  readonly logs: readonly string[];
}

/**
 * Starts the built edge in this process.
 * @param options without `vars` it is open and keeps every trace; without `stateDir` its state goes when it closes.
 */
export async function startEdge(options: EdgeOptions = {}): Promise<TestEdge> {
  const dir = options.stateDir === undefined ? tempDir() : undefined;
  const logs: string[] = [];
  const edge = await startLocal({
    ...options,
    stateDir: options.stateDir ?? dir!.path,
    vars: options.vars ?? OPEN_VARS,
    onLog: (line) => logs.push(line),
  });
  return {
    ...edge,
    logs,
    close: async () => {
      await edge.close();
      dir?.[Symbol.dispose]();
    },
  };
}

/** No keys are asked for, every trace is kept, and decided as soon as that is allowed. */
export const OPEN_VARS: Readonly<Record<string, string>> = {
  TAILRACE_OPEN: '1',
  TAILRACE_CONFIG: JSON.stringify({ probability: 1, alarmMs: 100, storing: { blockMs: 0 } }),
};

export interface SpawnedEdge {
  readonly url: string;
  /** Of the Node process that holds workerd. */
  readonly pid: number;
  /** The last 10,000 characters it has printed. */
  output(): string;
  /** SIGKILL to Node and workerd at once, as a power cut would. Resolves when both are gone. */
  kill(): Promise<void>;
  /** Ends both in the ordinary way. */
  close(): Promise<void>;
}

/**
 * Starts the built edge as a process (and process group) of its own. Start it again on the same `stateDir`, and
 * `port` where its address matters, to see what survived.
 */
export async function spawnEdge(options: EdgeOptions & { readonly stateDir: string }): Promise<SpawnedEdge> {
  const child = spawn(
    process.execPath,
    [join(ROOT, 'test/kit/edge-process.ts'), JSON.stringify({ vars: OPEN_VARS, ...options })],
    { cwd: ROOT, env: toolEnv(), detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  );
  const output = collectOutput(child);
  const ended = once(child, 'exit');
  // 'close' comes after all output, but does not come at all when we let go of the channel first.
  const first = await Promise.race([once(child, 'message'), once(child, 'close')]);
  const report = first[0] as EdgeReport | number | null;
  if (typeof report !== 'object' || report === null) throw new Error(`the edge did not start:\n${output()}`);
  return {
    url: report.url,
    pid: child.pid!,
    output,
    kill: async () => {
      process.kill(-child.pid!, 'SIGKILL');
      await ended;
      await portFree(Number(new URL(report.url).port));
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** workerd is nobody's child any more, but it holds the port, and the lock on its databases, exactly as long as it lives. */
async function portFree(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const taken = await probePort('127.0.0.1', port).then(
      () => false,
      () => true,
    );
    if (!taken) return;
    await setTimeout(25);
  }
  throw new Error(`workerd still holds port ${port} five seconds after it was killed`);
}

/** The child's output must be read, or it would wait for us; its last 10,000 characters tell why it failed. */
function collectOutput(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000);
    });
  }
  return () => output;
}
