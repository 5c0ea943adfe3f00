import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder, absolute. */
export const ROOT: string = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What every tool is started with: this repository's tools first, and none of them phoning home. */
export function toolEnv(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PATH: [join(ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_SEND_ERROR_REPORTS: 'false',
    WRANGLER_HIDE_BANNER: 'true',
    WRANGLER_LOG_PATH: join(ROOT, 'node_modules', '.cache', 'wrangler-logs'),
    DO_NOT_TRACK: '1',
  };
}

export interface RunResult {
  /** The exit code; 1 when a signal ended the command or it could not be started. */
  readonly code: number;
  /** stdout and stderr as they came. */
  readonly output: string;
}

/**
 * Runs a command in the repository's folder, with nothing on its stdin.
 * @param show also pass the output through as it comes.
 */
export function run(command: string, args: readonly string[], options: { show?: boolean; cwd?: string } = {}) {
  return new Promise<RunResult>((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: toolEnv(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const [stream, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        output += text;
        if (options.show) to.write(text);
      });
    }
    child.on('error', (error) => resolve({ code: 1, output: `${output}${command}: ${error.message}\n` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}
