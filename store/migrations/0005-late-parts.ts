import type { Migration } from './migration.ts';

/** Which traces of a block had other parts is asked of every block that no segment covers yet, by each search. */
export const lateParts: Migration = {
  id: 5,
  name: 'late-parts',
  statements: ['CREATE INDEX changes_by_block ON changes (block_key)'],
};
