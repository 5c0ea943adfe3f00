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
  /** stdout and stderr as they came; empty when they were shown. */
  readonly output: string;
}

/**
 * Runs a command in the repository's folder, with nothing on its stdin. It does not outlive this process.
 * @param show let the command write to our own output, where it may find a terminal.
 */
export function run(command: string, args: readonly string[], { show = false } = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const out = show ? 'inherit' : 'pipe';
    const env = show ? toolEnv() : { ...toolEnv(), NO_COLOR: '1', FORCE_COLOR: '0' };
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', out, out] });
    const end = () => void child.kill();
    process.once('exit', end);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const finish = (code: number) => {
      process.off('exit', end);
      resolve({ code, output });
    };
    child.on('error', (error) => {
      output += `${command}: ${error.message}\n`;
      finish(1);
    });
    child.on('close', (code) => finish(code ?? 1));
  });
}

/** Ends this process, and with it what it runs, on Ctrl-C and when the process that started it is gone. */
export function exitWhenStopped(): void {
  process.on('SIGINT', () => process.exit(130));
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(143));
}
