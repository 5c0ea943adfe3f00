import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CompletionInput, decideByMs } from '../../durable-objects/completion.ts';
import { parseConfig } from '../../durable-objects/config.ts';

const CONFIG = parseConfig('{}');

const input: fc.Arbitrary<CompletionInput> = fc
  .record({
    firstMs: fc.nat(1e6),
    ageMs: fc.nat(70_000),
    undecidedBytes: fc.nat(20_000_000),
    spanCount: fc.integer({ min: 1, max: 40_000 }),
    rootEnded: fc.boolean(),
    missingParents: fc.nat(2),
    openCount: fc.nat(2),
    goodbye: fc.boolean(),
    learnedMs: fc.option(fc.nat(CONFIG.headlessQuietMs)),
    quietShare: fc.double({ min: 0.25, max: 1, noNaN: true }),
  })
  .map(({ ageMs, ...rest }) => ({ ...rest, lastMs: rest.firstMs + ageMs }));

it('is never later with more evidence, more pressure or more bytes', () => {
  fc.assert(
    fc.property(input, (trace) => {
      const at = decideByMs(trace, CONFIG);
      for (const more of [
        { rootEnded: true },
        { missingParents: 0 },
        { openCount: 0 },
        { goodbye: true },
        { quietShare: trace.quietShare / 2 },
        { undecidedBytes: CONFIG.completion.maxBytes },
        { spanCount: CONFIG.completion.maxSpans },
      ]) {
        const isOfAge = at < trace.lastMs;
        // Past its age, it is due whichever it is.
        if (!isOfAge) expect(decideByMs({ ...trace, ...more }, CONFIG)).toBeLessThanOrEqual(at);
      }
      expect(at).toBeLessThanOrEqual(Math.max(trace.firstMs + CONFIG.maxAgeMs, trace.lastMs));
      expect(at).toBeLessThanOrEqual(trace.lastMs + CONFIG.headlessQuietMs * trace.quietShare);
    }),
  );
});
