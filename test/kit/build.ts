import { build } from '../../scripts/build.ts';

/** vitest's global setup of the end-to-end tests: they run against what is built, so it must be built from what is there. */
export default async function setup(): Promise<void> {
  if (!(await build({ quiet: true }))) throw new Error('the build failed, see above');
}
