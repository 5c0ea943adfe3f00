import { basename, join } from 'node:path';
import { run } from '../../scripts/run.ts';

/**
 * Bundles a Worker that stands in front of the edge, with the edge's own configuration. Gives what `startLocal` wants as
 * `module`.
 * @param entry relative to the repository, as is `outdir`
 */
export async function bundleEdge(entry: string, outdir: string): Promise<string> {
  const { code, output } = await run('wrangler', ['deploy', entry, '--dry-run', '--outdir', outdir]);
  if (code !== 0) throw new Error(`${entry} was not bundled:\n${output}`);
  return join(outdir, `${basename(entry, '.ts')}.js`);
}
