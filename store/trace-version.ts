import { createHash } from 'node:crypto';
import type { TraceSummary } from '../model/span.ts';
import type { StoredTrace, VersionedTrace } from './store.ts';

/**
 * What tells a stored trace from what it was before: its summary, and where its parts are. An object in R2 is never written twice,
 * so the places stand for the bytes.
 */
export function versionOf(summary: TraceSummary, places: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([summary, places]))
    .digest('hex')
    .slice(0, 32);
}

/** What `get` answers of what `getSince` has found without a version to compare with. */
export function withoutVersion(found: VersionedTrace | 'unchanged' | null): StoredTrace | null {
  return found === null || found === 'unchanged' ? null : { summary: found.summary, otlp: found.otlp };
}
