import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../scripts/run.ts';
import { startEdge } from '../kit/edge.ts';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

test('the curl commands of the README send a span and read it back', async () => {
  const commands = [...readme.matchAll(/```sh\n(.*?)```/gs)].find(([, block]) => block!.startsWith('curl '))![1]!;
  const edge = await startEdge();
  try {
    const script = commands
      .replaceAll('http://127.0.0.1:8787', edge.url)
      .replaceAll('curl ', 'curl -sS --fail-with-body ');
    const output = execFileSync('sh', ['-e', '-c', script], { encoding: 'utf8' });
    const trace = JSON.parse(output.slice(output.indexOf('{"traceId"'))) as { spans: unknown[] };
    expect(trace.spans).toMatchObject([{ name: 'hello', resource: { attributes: { 'service.name': 'curl' } } }]);
  } finally {
    await edge.close();
  }
});

test('what the README, and the documents beside it, link to is there', () => {
  for (const document of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md']) {
    const text = readFileSync(join(ROOT, document), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link!);
    const missing = links.filter((link) => !/^\w+:/.test(link) && !existsSync(join(ROOT, link)));
    expect(missing, document).toEqual([]);
  }
});
