/** The segments of the index in D1: one row each. */

export interface SegmentRow {
  readonly segmentKey: string;
  /** What it was merged of: 0 blocks, 1 an hour's segments, 2 a day's. */
  readonly level: number;
  readonly traceCount: number;
  readonly bytes: number;
  readonly minStartUs: number;
  readonly maxStartUs: number;
  /** Traces, at most, that had parts in several blocks: they may be in other segments too. */
  readonly lateTraces: number;
  /** How often traces went that may be in it, since it was written. */
  readonly stale: number;
}

export interface SegmentColumns {
  readonly segment_key: string;
  readonly level: number;
  readonly trace_count: number;
  readonly bytes: number;
  readonly min_start_us: number;
  readonly max_start_us: number;
  readonly late_traces: number;
  readonly stale: number;
}

/** Those that may have traces that began in the range. */
export function selectSegments(
  db: D1Database,
  { startUs, endUs }: { readonly startUs: number; readonly endUs: number },
): D1PreparedStatement {
  return db.prepare('SELECT * FROM segments WHERE max_start_us >= ?1 AND min_start_us <= ?2').bind(startUs, endUs);
}

/** @throws what D1 threw */
export async function listSegments(db: D1Database): Promise<SegmentRow[]> {
  const { results } = await db.prepare('SELECT * FROM segments').all<SegmentColumns>();
  return results.map(decodeSegmentRow);
}

/** @throws what D1 threw */
export async function findSegment(db: D1Database, segmentKey: string): Promise<SegmentRow | null> {
  const row = await db
    .prepare('SELECT * FROM segments WHERE segment_key = ?1')
    .bind(segmentKey)
    .first<SegmentColumns>();
  return row && decodeSegmentRow(row);
}

/**
 * Gives a damaged segment up: what it may have covered is to be covered anew.
 * @throws what D1 threw
 */
export async function dropSegment(db: D1Database, { segmentKey, minStartUs, maxStartUs }: SegmentRow): Promise<void> {
  await db.batch([
    db
      .prepare(
        `UPDATE blocks SET is_covered = 0 WHERE max_start_us >= ?2 AND min_start_us <= ?3
AND EXISTS (SELECT 1 FROM segments WHERE segment_key = ?1)`,
      )
      .bind(segmentKey, minStartUs, maxStartUs),
    // Others that cover such blocks will not be the only ones that have their traces.
    db
      .prepare(
        `UPDATE segments SET late_traces = late_traces + 1 WHERE max_start_us >= ?2 AND min_start_us <= ?3
AND EXISTS (SELECT 1 FROM segments WHERE segment_key = ?1)`,
      )
      .bind(segmentKey, minStartUs, maxStartUs),
    db.prepare('DELETE FROM segments WHERE segment_key = ?1').bind(segmentKey),
  ]);
}

export function decodeSegmentRow(row: SegmentColumns): SegmentRow {
  return {
    segmentKey: row.segment_key,
    level: row.level,
    traceCount: row.trace_count,
    bytes: row.bytes,
    minStartUs: row.min_start_us,
    maxStartUs: row.max_start_us,
    lateTraces: row.late_traces,
    stale: row.stale,
  };
}
