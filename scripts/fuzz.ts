/**
 * `npm run fuzz [-- NAME ...] [--inputs 1000000] [--seed N] [--server]`: so many inputs of each protocol whose name contains NAME, or of
 * all, to the Worker's handler; with `--server` over HTTP to a server of its own, whose memory is watched, which takes ten times as long.
 * `npm test` does 20,000 of each of the first kind.
 */
import { parseArgs } from 'node:util';
import { exitWhenStopped, run } from './run.ts';

exitWhenStopped();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '' },
    server: { type: 'boolean', default: false },
  },
});
process.env.FUZZ_INPUTS = values.inputs;
process.env.FUZZ_PROTOCOLS = positionals.join(',');
process.env.SEED = values.seed;
const [project, file] = values.server ? ['e2e', 'test/pipeline/fuzz'] : ['workerd', 'test/worker/fuzz'];
const { code } = await run('vitest', ['run', '--project', project, '--silent=false', file], {
  show: true,
});
process.exitCode = code;
