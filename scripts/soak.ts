/**
 * `npm run soak [-- FILTER ...] [--kills 20] [--aborts 200] [--seed N]`: the long forms of what `npm test` runs short, about fifteen
 * minutes in all. Those with FILTER in their file's name, or all.
 */
import { parseArgs } from 'node:util';
import { exitWhenStopped, run } from './run.ts';

exitWhenStopped();
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '20' },
    aborts: { type: 'string', default: '200' },
    seed: { type: 'string', default: '' },
  },
});
process.env.SOAK_KILLS = values.kills;
process.env.SOAK_ABORTS = values.aborts;
process.env.OVERLOAD_SECONDS = '60';
process.env.SEED = values.seed;
const names = positionals.length > 0 ? positionals : ['soak', 'crash', 'overload'];
const files = names.map((name) => `test/pipeline/${name}`);
const { code } = await run('vitest', ['run', '--project', 'e2e', '--project', 'timed', '--silent=false', ...files], {
  show: true,
});
process.exitCode = code;
