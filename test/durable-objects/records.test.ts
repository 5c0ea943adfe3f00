import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AT_LIMIT, EARLY } from '../../durable-objects/columns/trace-columns.ts';
import type { Place } from '../../durable-objects/log.ts';
import {
  DECIDE,
  type DecideRecord,
  type EncodedRecord,
  encodeDecisions,
  encodeRecall,
  RECALL,
  readDecisionAt,
  readDecisions,
  readRecall,
  readRow,
} from '../../durable-objects/records.ts';
import { DECISION_REASONS } from '../../model/reasons.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import { RETENTION_CLASSES } from '../../model/span.ts';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const id = fc.tuple(word, word, word, word);

function rowOf(record: EncodedRecord): Uint8Array {
  return concatBytes([Uint8Array.of(2), ...record]);
}

it('has each decision again, all at once and by its place', () => {
  const one = fc.record({
    id,
    keep: fc.boolean(),
    rate: fc.double({ min: 0, max: 1e9, noNaN: true }),
    reason: fc.constantFrom(...DECISION_REASONS),
    policy: fc.string(),
    retention: fc.constantFrom(...RETENTION_CLASSES),
    revision: fc.maxSafeNat(),
    notes: fc.constantFrom(0, EARLY, AT_LIMIT),
  });
  const shared = { configVersion: fc.nat(), decidedUs: fc.maxSafeNat() };
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 20 }), fc.record(shared), (all, common) => {
      const records = all.map(
        ({ id: words, keep, rate, reason, policy, retention, revision, notes }): DecideRecord => ({
          id: words,
          revision,
          notes,
          decision: { keep, rate, reason, policy, ...common, ...(keep ? { retention } : {}) },
        }),
      );
      const row = rowOf(encodeDecisions(records));
      const [found] = readRow(row);
      expect(found!.type).toBe(DECIDE);
      const again: DecideRecord[] = [];
      readDecisions(row, found!.start, found!.end, (at, record) => {
        again.push(record);
        expect(readDecisionAt(row, found!.start, at)).toEqual(record);
      });
      expect(again).toEqual(records);
    }),
  );
});

it('has the places of a recalled trace again', () => {
  const place: fc.Arbitrary<Place> = fc.record({ bucket: word, row: word, start: word, end: word });
  fc.assert(
    fc.property(id, fc.double({ noNaN: true }), fc.array(place, { maxLength: 20 }), (words, nowMs, places) => {
      const row = rowOf(encodeRecall(words, nowMs, places));
      const [found] = readRow(row);
      expect(found!.type).toBe(RECALL);
      expect(readRecall(row, found!.start, found!.end)).toEqual({ id: words, nowMs, places });
    }),
  );
});

it('refuses a row of a version it does not know, and one that is cut off', () => {
  const row = rowOf(encodeRecall([1, 2, 3, 4], 5, []));
  expect(() => readRow(Uint8Array.of(3, ...row.subarray(1)))).toThrow(RangeError);
  expect(() => readRow(row.subarray(0, -1))).toThrow(RangeError);
});
