import { describe, expect, it } from 'vitest';
import { toCompleteness } from '../../model/completeness.ts';
import { DECISION_REASONS } from '../../model/reasons.ts';
import type { Decision } from '../../model/span.ts';
import { explainDecision, listMissing, nameDecision } from '../../ui/logic/explain.ts';

const decision = (part: Partial<Decision>): Decision => ({
  keep: true,
  rate: 1,
  reason: 'error',
  policy: 'errors',
  configVersion: 3,
  decidedUs: 0,
  ...part,
});

describe('explainDecision', () => {
  it('says what chance means', () => {
    expect(explainDecision('kept', decision({ reason: 'probability', rate: 10, policy: 'default' }))).toBe(
      'Kept by chance, 1 in 10: it stands for 10 traces like it. Rule “default”, configuration 3.',
    );
    expect(nameDecision(decision({ reason: 'probability', rate: 2500 }))).toBe('1 in 2,500');
    expect(nameDecision(decision({ reason: 'probability' }))).toBe('all kept');
  });

  it('has different words for every reason', () => {
    const texts = DECISION_REASONS.map((reason) => explainDecision('kept', decision({ reason })));
    expect(new Set(texts).size).toBe(DECISION_REASONS.length);
    const names = DECISION_REASONS.map((reason) => nameDecision(decision({ reason })));
    expect(new Set(names).size).toBe(DECISION_REASONS.length);
  });

  it('does not speak of a decision while there is none', () => {
    expect(explainDecision('live', null)).toContain('Not decided yet');
    expect(nameDecision(null)).toBe('');
  });
});

describe('listMissing', () => {
  it('names what is missing, in one or in many', () => {
    expect(listMissing(toCompleteness({ rootEnded: true, missingParents: 0, openSpans: 0 }))).toEqual([]);
    expect(listMissing(toCompleteness({ rootEnded: false, missingParents: 1, openSpans: 2 }))).toEqual([
      'root span not ended or not received',
      '1 parent span not received',
      '2 spans without an end',
    ]);
  });
});
