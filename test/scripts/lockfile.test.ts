import { expect, test } from 'vitest';
import { lockfileFaults } from '../../scripts/lockfile.ts';

const lockfile = (packages: object) =>
  JSON.stringify({ packages: { '': {}, 'node_modules/workerd': { version: '1.0.0' }, ...packages } });

test('one workerd and no addresses are as it should be', () => {
  expect(lockfileFaults(lockfile({ 'node_modules/a': { version: '1.0.0' } }))).toEqual([]);
});

test('a second workerd is named', () => {
  const faults = lockfileFaults(lockfile({ 'node_modules/wrangler/node_modules/workerd': { version: '2.0.0' } }));
  expect(faults).toEqual(['there should be one workerd, there are: 1.0.0, 2.0.0']);
});

test('a package bound to a registry is named', () => {
  const resolved = 'https://registry.example/a/-/a-1.0.0.tgz';
  expect(lockfileFaults(lockfile({ 'node_modules/a': { version: '1.0.0', resolved } }))).toEqual([
    expect.stringContaining('node_modules/a is resolved to an address'),
  ]);
});
