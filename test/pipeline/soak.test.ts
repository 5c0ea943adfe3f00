/** The short form of `npm run soak`, which sets how much of it there is. */
import { it } from 'vitest';
import { pickSeed } from '../kit/random.ts';
import { soak } from './fixtures/soak.ts';

const KILLS = Number(process.env.SOAK_KILLS ?? 2);
const ABORTS = Number(process.env.SOAK_ABORTS ?? 10);

it(
  `loses nothing, stores nothing twice and changes no decision: ${KILLS} kills, ${ABORTS} aborts, a tenth of all calls failing`,
  { timeout: 1_800_000 },
  () => soak({ seed: pickSeed(process.env.SEED), kills: KILLS, aborts: ABORTS }),
);
