/** Which blocks may have a term: bloom filters, tested in the database. */

import { BLOOM_POSITIONS, hashIncomplete, hashTerm, type TermHash } from './bloom.ts';
import type { Term } from './term.ts';

/**
 * A byte of the filter as a number, by its place in all bytes: SQLite has no other way from a blob to a number. Bit `i` of
 * a filter is bit `i % 8` of byte `i / 8`.
 */
const ALL_BYTES = `x'${Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join('')}'`;

/**
 * The objects of blocks with traces that began in the range and may have the term, newest first; a block written without a
 * filter may have any. The filters are tested in the database, which sends back only keys.
 * @throws what D1 threw
 */
export async function findBlocks(
  db: D1Database,
  term: Term,
  { startUs, endUs }: { readonly startUs: number; readonly endUs: number },
): Promise<string[]> {
  const sql = `SELECT block_key || suffix AS object_key FROM blocks
WHERE max_start_us >= ?1 AND min_start_us <= ?2 AND trace_count > 0
AND (bloom IS NULL OR (${maySql(3)}) OR (${maySql(5)}))
ORDER BY max_start_us DESC, block_key DESC`;
  const hashes = [hashTerm(term), hashIncomplete(term)].flatMap(({ first, second }: TermHash) => [first, second]);
  const { results } = await db
    .prepare(sql)
    .bind(startUs, endUs, ...hashes)
    .all<{ object_key: string }>();
  return results.map((row) => row.object_key);
}

/** Whether all positions of the hash in parameters `first` and `first + 1` are set. */
function maySql(first: number): string {
  return Array.from({ length: BLOOM_POSITIONS }, (_, i) => {
    const position = `((?${first} + ${i} * ?${first + 1}) % (length(bloom) * 8))`;
    const byte = `(instr(${ALL_BYTES}, substr(bloom, ${position} / 8 + 1, 1)) - 1)`;
    return `(${byte} >> (${position} % 8)) & 1`;
  }).join(' AND ');
}
