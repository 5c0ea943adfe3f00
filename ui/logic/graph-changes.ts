/** What changed between two windows of a graph, as far as there is something to compare with. */

export interface Changes<Call> {
  /** Calls of this window that the one before has not, and the other way round. */
  readonly appeared: readonly Call[];
  readonly vanished: readonly Call[];
}

const NONE = { appeared: [], vanished: [] };

/** The changes that are worth marking: where every call is new and none is gone, there was nothing before. */
export function knownChanges<Call>(calls: readonly Call[], changes: Changes<Call> | null): Changes<Call> {
  return changes === null || isFirst(calls, changes) ? NONE : changes;
}

export function describeChanges<Call>(calls: readonly Call[], changes: Changes<Call> | null): string {
  if (changes === null || calls.length === 0) return '';
  if (isFirst(calls, changes)) return 'In the time before no call was counted.';
  const { appeared, vanished } = changes;
  if (appeared.length + vanished.length === 0) return 'The same calls as in the time before.';
  return `Against the time before, as long as this one: ${appeared.length} new, ${vanished.length} gone.`;
}

function isFirst<Call>(calls: readonly Call[], { appeared, vanished }: Changes<Call>): boolean {
  return vanished.length === 0 && appeared.length === calls.length;
}
