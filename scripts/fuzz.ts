/**
 * `npm run fuzz [-- NAME ...] [--inputs 1000000] [--seed N]`: sends so many inputs of each protocol whose name contains NAME, or of all,
 * to a server of its own. `npm test` sends a few.
 */
import { parseArgs } from 'node:util';
import { exitWhenStopped, run } from './run.ts';

exitWhenStopped();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { inputs: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '' } },
});
process.env.FUZZ_INPUTS = values.inputs;
process.env.FUZZ_PROTOCOLS = positionals.join(',');
process.env.SEED = values.seed;
const { code } = await run('vitest', ['run', '--project', 'e2e', '--silent=false', 'test/pipeline/fuzz'], {
  show: true,
});
process.exitCode = code;
