import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { ROOT } from '../../scripts/run.ts';
import { startEdge } from '../kit/edge.ts';
import { tempDir } from '../kit/temp-dir.ts';

const STARTS_WITHIN_MS = 60_000;

/** `npm start` in a process group of its own, as a terminal would run it. */
interface Started {
  readonly npm: ChildProcess;
  readonly output: () => string;
}

const running = new Set<ChildProcess>();
afterEach(() => {
  for (const { pid } of running) process.kill(-pid!, 'SIGKILL');
  running.clear();
});

function npmStart(...args: string[]): Started {
  const npm = spawn('npm', ['start', '--silent', '--', ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(npm);
  npm.on('exit', () => running.delete(npm));
  let output = '';
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { npm, output: () => output };
}

/** Its address, once it says that it is running. */
async function addressOf({ output }: Started): Promise<string> {
  await expect.poll(output, { timeout: STARTS_WITHIN_MS }).toContain('Ctrl-C ends everything');
  return /Traces\s+(http:\S+)\//.exec(output())![1]!;
}

/** All processes, by id: the parent's id and the command line. */
function processes(): Map<string, { readonly parent: string; readonly command: string }> {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)!;
      return [pid!, { parent: parent!, command: command! }];
    }),
  );
}

/** npm and all that runs below it, workerd and its guard included. */
function familyOf({ npm }: Started): string[] {
  const all = processes();
  const isBelow = (pid: string): boolean => {
    for (let at: string | undefined = pid; at !== undefined; at = all.get(at)?.parent) {
      if (at === String(npm.pid)) return true;
    }
    return false;
  };
  const family = [...all.keys()].filter(isBelow);
  expect(family.map((pid) => all.get(pid)!.command).join('\n')).toMatch(/workerd serve/);
  return family;
}

/** Resolves when none of them is left, whoever their parent is by now. */
function allGone(family: readonly string[]) {
  const left = () => family.filter((pid) => processes().has(pid));
  return expect.poll(left, { timeout: 5_000 }).toEqual([]);
}

test('npm start serves page, shop and ingest; its curl command works; state survives Ctrl-C', async () => {
  using dir = tempDir();
  const first = npmStart('--port', '0', '--state', dir.path);
  const url = await addressOf(first);
  const shop = await fetch(`${url}/shop/`);
  expect(await shop.text()).toContain('<html');
  expect((await fetch(`${url}/`)).headers.get('content-type')).toContain('text/html');

  const command = /^\s+(curl .*)$/m.exec(first.output())![1]!;
  execFileSync('sh', ['-c', command.replace('curl ', 'curl -sS --fail-with-body ')]);
  const traceId = /traceId\\":\\"(\w+)/.exec(command)![1]!;
  const answer = async (base: string) => (await fetch(`${base}/api/traces/${traceId}`)).json();
  expect(await answer(url)).toMatchObject({ traceId, spans: [{ name: 'hello' }] });

  const firstFamily = familyOf(first);
  process.kill(-first.npm.pid!, 'SIGINT');
  await allGone(firstFamily);

  const second = npmStart('--port', '0', '--state', dir.path, '--no-demo');
  const again = await addressOf(second);
  expect(await answer(again)).toMatchObject({ traceId, spans: [{ name: 'hello' }] });
  expect(second.output()).not.toContain('/shop/');
  const secondFamily = familyOf(second);
  // A supervisor asks npm alone to end.
  second.npm.kill('SIGTERM');
  await allGone(secondFamily);
});

test('nothing is left when npm is killed', async () => {
  using dir = tempDir();
  const started = npmStart('--port', '0', '--state', dir.path);
  await addressOf(started);
  const family = familyOf(started);
  started.npm.kill('SIGKILL');
  await allGone(family);
});

test('a taken port and wrong options are refused in a sentence', async () => {
  using dir = tempDir();
  const edge = await startEdge();
  try {
    const port = new URL(edge.url).port;
    const refusals = [
      { args: ['--port', port, '--state', dir.path], text: `Port ${port} on 127.0.0.1 is already in use` },
      { args: ['--port', 'eighty'], text: "--port takes a number from 0 to 65535, not 'eighty'" },
      { args: ['--colour'], text: "Unknown option '--colour'" },
    ];
    for (const { args, text } of refusals) {
      const { npm, output } = npmStart(...args);
      const [code] = (await once(npm, 'close')) as [number];
      expect(code).toBe(1);
      expect(output()).toContain(text);
      expect(output()).not.toMatch(/^\s+at /m);
    }
  } finally {
    await edge.close();
  }
});
