/** Which blocks, of those that no segment covers yet, may have what is searched: bloom filters, tested in the database. */

import { BLOOM_POSITIONS, hashIncomplete, hashTerm, type TermHash } from './bloom.ts';
import type { Term } from './term.ts';

export interface UncoveredBlock {
  readonly objectKey: string;
  readonly maxStartUs: number;
  /** Of its traces those that had a part in another block when this one was written. */
  readonly manyParts: ReadonlySet<string>;
}

/** Terms of which a block must have one. */
export type AnyTerm = readonly Term[];

/** A statement of D1 has room for so many parameters. */
const MAX_TESTS = 3;

/**
 * A byte of the filter as a number, by its place in all bytes: SQLite has no other way from a blob to a number. Bit `i` of
 * a filter is bit `i % 8` of byte `i / 8`. A parameter, since a statement may have 100 KB.
 */
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** A trace with parts in other blocks too can have there what is missing here, and may have begun before this part of it. */
const HAS_LATE_PARTS = 'EXISTS (SELECT 1 FROM changes WHERE changes.block_key = blocks.block_key)';

type Bindings = (number | Uint8Array)[];

export interface BlockColumns {
  readonly block_key: string;
  readonly object_key: string;
  readonly max_start_us: number;
}

export interface LateColumns {
  readonly block_key: string;
  readonly trace_id: string;
}

/**
 * The blocks with traces that began in the range, newest first, and that may pass the tests, of which the first few are made; a
 * block written without a filter may have anything.
 */
export function selectBlocks(
  db: D1Database,
  { startUs, endUs }: { readonly startUs: number; readonly endUs: number },
  tests: readonly AnyTerm[],
): D1PreparedStatement {
  const bindings: Bindings = tests.length > 0 ? [startUs, endUs, ALL_BYTES] : [startUs, endUs];
  const passes = tests.slice(0, MAX_TESTS).map((terms) => {
    const has = terms.map((term) => maySql(term, bindings)).join(' OR ');
    return `AND (bloom IS NULL OR ${has} OR ${HAS_LATE_PARTS})`;
  });
  const sql = `SELECT block_key, block_key || suffix AS object_key, max_start_us FROM blocks
WHERE is_covered = 0 AND max_start_us >= ?1 AND (min_start_us <= ?2 OR ${HAS_LATE_PARTS}) AND trace_count > 0
${passes.join('\n')}
ORDER BY max_start_us DESC, block_key DESC`;
  return db.prepare(sql).bind(...bindings);
}

/** Of uncovered blocks the traces that had a part in another block when theirs was written. */
export function selectLateParts(db: D1Database): D1PreparedStatement {
  return db.prepare(
    `SELECT changes.block_key, changes.trace_id FROM blocks JOIN changes ON changes.block_key = blocks.block_key
WHERE is_covered = 0`,
  );
}

/** The rows of both. */
export function decodeBlocks(blocks: readonly BlockColumns[], late: readonly LateColumns[]): UncoveredBlock[] {
  const manyParts = Map.groupBy(late, ({ block_key }) => block_key);
  return blocks.map(({ block_key, object_key, max_start_us }) => ({
    objectKey: object_key,
    maxStartUs: max_start_us,
    manyParts: new Set(manyParts.get(block_key)?.map(({ trace_id }) => trace_id)),
  }));
}

/** Whether the filter has the term, or its key is incomplete. */
function maySql(term: Term, bindings: Bindings): string {
  return `(${hasSql(hashTerm(term), bindings)}) OR (${hasSql(hashIncomplete(term), bindings)})`;
}

/** Whether all positions of the hash are set. */
function hasSql({ first, second }: TermHash, bindings: Bindings): string {
  const [a, b] = [bindings.push(first), bindings.push(second)];
  return Array.from({ length: BLOOM_POSITIONS }, (_, i) => {
    const position = `((?${a} + ${i} * ?${b}) % (length(bloom) * 8))`;
    const byte = `(instr(?3, substr(bloom, ${position} / 8 + 1, 1)) - 1)`;
    return `(${byte} >> (${position} % 8)) & 1`;
  }).join(' AND ');
}
