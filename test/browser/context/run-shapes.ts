/** Runs the shapes and says of each whether its parents were right, missing or wrong. */

import { SILENCE } from '../../../client/api/silence.ts';
import type { Span } from '../../../client/api/span.ts';
import { Tracer } from '../../../client/api/tracer.ts';
import { type Kit, SHAPES } from './shapes.ts';

/** Of a shape's spans the worst: a wrong parent is worse than none. `-`: it cannot be tried here. */
export type Verdict = 'right' | 'missing' | 'wrong' | '-';

/** A tracer whose spans go nowhere. */
export function createTracer(): Tracer {
  return new Tracer(SILENCE);
}

export async function runShapes(given: Omit<Kit, 'probe'>): Promise<Record<string, Verdict>> {
  const verdicts: Record<string, Verdict> = {};
  for (const { name, inPage, run } of SHAPES) {
    if (inPage && typeof document === 'undefined') {
      verdicts[name] = '-';
      continue;
    }
    const seen: Verdict[] = [];
    const probe = (right: Span | null) => {
      const { parent } = given.tracer.startSpan('probe');
      seen.push(parent === right ? 'right' : parent === null ? 'missing' : 'wrong');
    };
    await run({ ...given, probe });
    if (seen.length === 0) throw new Error(`${name} tried nothing`);
    verdicts[name] = (['wrong', 'missing', 'right'] as const).find((verdict) => seen.includes(verdict))!;
  }
  return verdicts;
}
