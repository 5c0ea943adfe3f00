import { build } from '../../scripts/build.ts';

/**
 * vitest's global setup of the end-to-end tests: they run against what is built, so it must be built from what is
 * there. A part that cannot be built is not there, and the tests that need it fail.
 */
export default async function setup(): Promise<void> {
  await build({ quiet: true });
}
