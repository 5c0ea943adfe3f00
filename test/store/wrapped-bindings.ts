import type { D1R2Bindings } from '../../store/d1-r2.ts';

/**
 * Runs around every call that reaches D1 or R2: may fail before it, after it, or look at what it returned. `what` is the
 * bucket's method, a statement, or `batch: ` and its statements.
 */
export type Around = <T>(call: () => Promise<T>, what: string) => Promise<T>;

/** The real bindings with `around` around each call. */
export function wrapBindings({ databases, bucket, periodDays }: D1R2Bindings, around: Around): D1R2Bindings {
  const [first, ...more] = databases.map((db) => wrapDatabase(db, around));
  return { databases: [first!, ...more], bucket: wrapBucket(bucket, around), periodDays };
}

function wrapDatabase(db: D1Database, around: Around): D1Database {
  const originals = new WeakMap<object, { statement: D1PreparedStatement; sql: string }>();
  const wrapStatement = (statement: D1PreparedStatement, sql: string): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrapStatement(statement.bind(...values), sql),
      all: () => around(() => statement.all(), sql),
      first: () => around(() => statement.first(), sql),
    };
    originals.set(wrapped, { statement, sql });
    return wrapped as unknown as D1PreparedStatement;
  };
  const wrapped = {
    prepare: (sql: string) => wrapStatement(db.prepare(sql), sql),
    batch: (statements: D1PreparedStatement[]) => {
      const known = statements.map((statement) => originals.get(statement)!);
      const what = `batch: ${known.map(({ sql }) => sql).join('; ')}`;
      return around(() => db.batch(known.map(({ statement }) => statement)), what);
    },
  };
  return wrapped as unknown as D1Database;
}

function wrapBucket(bucket: R2Bucket, around: Around): R2Bucket {
  const wrapped = {
    put: (...args: Parameters<R2Bucket['put']>) => around(() => bucket.put(...args), 'put'),
    get: (key: string, options?: R2GetOptions) => around(() => bucket.get(key, options ?? {}), 'get'),
    delete: (key: string) => around(() => bucket.delete(key), 'delete'),
    head: (key: string) => around(() => bucket.head(key), 'head'),
  };
  return wrapped as unknown as R2Bucket;
}
