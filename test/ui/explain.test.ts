import { describe, expect, it } from 'vitest';
import { toCompleteness } from '../../model/completeness.ts';
import { DECISION_REASONS } from '../../model/reasons.ts';
import { type Decision, RETENTION_CLASSES } from '../../model/span.ts';
import { explainDecision, explainRetention, formatScore, listMissing, nameDecision } from '../../ui/logic/explain.ts';

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

  it('says that what was dropped can still be read, and names the rule where there is one', () => {
    const dropped = decision({ keep: false, reason: 'not_sampled', policy: 'default' });
    const stays = 'It stays readable for some minutes, until its spans leave the log.';
    expect(explainDecision('dropped', dropped)).toBe(`Dropped by chance. Rule “default”, configuration 3. ${stays}`);
    expect(explainDecision('dropped', { ...dropped, policy: 'none' })).toBe(`Dropped: no rule picked it. ${stays}`);
    expect(explainDecision('kept', decision({ reason: 'manual', policy: 'manual', rate: 0 }))).toBe(
      'Kept by hand; it stands for no other trace.',
    );
  });

  it('does not speak of a decision while there is none', () => {
    expect(explainDecision('live', null)).toContain('Not decided yet');
    expect(nameDecision(null)).toBe('');
  });
});

describe('explainRetention', () => {
  it('has different words for every class, and takes a decision without one for hot', () => {
    const texts = RETENTION_CLASSES.map((retention) => explainRetention(decision({ retention })));
    expect(new Set(texts).size).toBe(RETENTION_CLASSES.length);
    expect(texts[1]).toBe('Stored in class “warm”, longer than usual.');
    expect(explainRetention(decision({}))).toBe(texts[0]);
  });

  it('has nothing to say of what is not kept', () => {
    expect(explainRetention(null)).toBe('');
    expect(explainRetention(decision({ keep: false, reason: 'not_sampled' }))).toBe('');
  });
});

describe('completeness', () => {
  it('is whole where nothing lacks', () => {
    const whole = toCompleteness({ rootEnded: true, missingParents: 0, openSpans: 0 });
    expect(listMissing(whole)).toEqual([]);
    expect(formatScore(whole)).toBe('100 %');
  });

  it('names everything that takes the score down, in one or in many', () => {
    const lacking = toCompleteness({
      rootEnded: false,
      missingParents: 1,
      openSpans: 2,
      notes: ['decided_early', 'limit_reached', 'parts_forgotten'],
    });
    expect(listMissing(lacking)).toEqual([
      'root span not ended or not received',
      '1 parent span not received',
      '2 spans without an end',
      'decided early, for want of memory',
      'decided at the limit of its age or size',
      'parts that came long before may be missing',
    ]);
    expect(formatScore(lacking)).toBe('14 %');
  });
});
