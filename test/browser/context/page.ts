/** What the test puts into a page: instrumentation, and the shapes to be run. */

import { carryContext } from '../../../client/context/index.ts';
import { instrumentClicks } from '../../../client/instrument/click.ts';
import { instrumentFetch } from '../../../client/instrument/fetch.ts';
import { createTracer, runShapes } from './run-shapes.ts';
import type { Kit } from './shapes.ts';

Object.assign(globalThis, {
  async tryShapes(carried: boolean) {
    const tracer = createTracer();
    instrumentFetch(tracer, { endpoint: 'http://edge.test', propagateTo: [] });
    instrumentClicks(tracer);
    if (carried) carryContext();
    const { press } = globalThis as unknown as Pick<Kit, 'press'>;
    return runShapes({ tracer, press, url: '/api' });
  },
});
