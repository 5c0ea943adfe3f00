import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';

/** The ids of this process's children that run the program `name`. */
export async function childrenNamed(name: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,comm=']);
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(?:.*\/)?(.+?)\s*$/.exec(line))
    .filter((match) => match !== null && Number(match[2]) === process.pid && match[3] === name)
    .map((match) => Number(match![1]));
}

/**
 * Ends this process's children of that name should this process be killed (SIGKILL, out of memory) before it can do
 * so itself. A shell waits for the end of a pipe that only we hold open, so it costs nothing while it waits.
 * @returns call it once the children have ended in the ordinary way.
 */
export async function guardChildren(name: string): Promise<() => void> {
  const pids = await childrenNamed(name);
  if (pids.length === 0) throw new Error(`no child process named ${name} was found`);
  const guard = spawn('sh', ['-c', `trap '' INT TERM HUP; read -r done || kill -9 ${pids.join(' ')} 2>/dev/null`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  // A socket that is still referenced would keep this process from ending by itself.
  (guard.stdin as unknown as { unref(): void }).unref();
  return () => void guard.stdin.end('done\n');
}
