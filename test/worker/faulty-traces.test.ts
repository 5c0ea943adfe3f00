/** Traces as broken senders send them, through the whole edge: what the API tells of them is what plain definitions say. */

import { runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseHex } from '../../model/ids.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import { SPAN_KINDS, type Span } from '../../model/span.ts';
import type { SpanData } from '../../model/span-data.ts';
import type { TimelineAnswer } from '../../model/timeline.ts';
import { serviceOf } from '../../model/tree.ts';
import { spanId, traceId } from '../kit/spans.ts';
import { arbitraryTrace } from '../model/faulty-trace.ts';
import { plainPath } from '../model/plain-path.ts';

let next = 70_000;

function toSpanData(span: Span, id: string, isError: boolean): SpanData {
  return {
    traceId: parseHex(id)!,
    spanId: parseHex(hexId(span.spanId))!,
    parentSpanId: span.parentSpanId === undefined ? null : parseHex(hexId(span.parentSpanId))!,
    name: span.name,
    kind: SPAN_KINDS.indexOf(span.kind),
    startUs: span.startUs,
    endUs: span.startUs + span.durationUs!,
    flags: 1,
    traceState: '',
    statusCode: isError ? 2 : 0,
    statusMessage: '',
    attributes: [],
    events: [],
    links: [],
    scope: '',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}

const hexId = (id: string) => spanId(Number(id) + 1);

/** In several requests, as they came. */
async function send(id: string, spans: readonly Span[], failed: ReadonlySet<string>): Promise<void> {
  for (let at = 0; at < spans.length; at += 7) {
    const parts = spans
      .slice(at, at + 7)
      .map((span) =>
        encodeTracesData([['service.name', serviceOf(span)]], [toSpanData(span, id, failed.has(span.spanId))]),
      );
    const response = await exports.default.fetch('https://edge.test/v1/traces', {
      method: 'POST',
      headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
      body: concatBytes(parts) as Uint8Array<ArrayBuffer>,
    });
    expect(response.status).toBe(200);
  }
}

async function timelineOf(id: string): Promise<TimelineAnswer> {
  const headers = { authorization: 'Bearer test-read-key' };
  const response = await exports.default.fetch(`https://edge.test/api/traces/${id}/timeline`, { headers });
  expect(response.status).toBe(200);
  return response.json<TimelineAnswer>();
}

/** Moments between any two at which something begins or ends. */
function stretches({ rows }: TimelineAnswer): [fromUs: number, toUs: number][] {
  const moments = rows.flatMap(({ offsetUs, durationUs }) => [offsetUs, offsetUs + durationUs!]);
  const sorted = [...new Set(moments)].sort((a, b) => a - b);
  return sorted.slice(1).map((to, i) => [sorted[i]!, to]);
}

/** Rows that run at a moment without a child of theirs running. */
function workingAt({ rows }: TimelineAnswer, atUs: number): number[] {
  const isRunning = ({ offsetUs, durationUs }: TimelineAnswer['rows'][number]) =>
    offsetUs < atUs && atUs < offsetUs + durationUs!;
  return [...rows.keys()].filter(
    (row) => isRunning(rows[row]!) && !rows.some((each) => each.parent === row && isRunning(each)),
  );
}

function checkTree({ rows, headless, state }: TimelineAnswer, received: readonly Span[]): void {
  const ids = new Map(received.map((span) => [hexId(span.spanId), span]));
  expect(new Set(rows.filter((row) => !row.synthetic).map((row) => row.spanId))).toEqual(new Set(ids.keys()));
  expect(headless).toBe(received.every((span) => span.parentSpanId !== undefined));
  for (const [row, { spanId: own, parent, depth, offsetUs, synthetic, mark, versions }] of rows.entries()) {
    const span = ids.get(own);
    expect(synthetic === true).toBe(span === undefined);
    expect(parent).toBeLessThan(row);
    expect(depth).toBe(parent < 0 ? 0 : rows[parent]!.depth + 1);
    if (synthetic) continue;
    // What is stored has one version of each, as a rule.
    const copies = received.filter((each) => each.spanId === span!.spanId).length;
    if (state === 'live') expect(versions ?? 1).toBe(copies);
    else expect(versions ?? 1).toBeLessThanOrEqual(copies);
    expect(rows[row]!.startUs).toBe(span!.startUs);
    expect(offsetUs).toBeGreaterThanOrEqual(0);
    const named = span!.parentSpanId === undefined ? undefined : hexId(span!.parentSpanId);
    if (parent >= 0) expect(rows[parent]!.spanId).toBe(named);
    else if (named !== undefined) expect(mark).toBe('cycle');
  }
  // Wherever one goes up from, one comes to a root or to where a circle was cut; and each circle is cut once.
  for (const row of rows.filter(({ mark }) => mark === 'cycle')) {
    const seen = new Set<string>();
    let at = ids.get(row.spanId);
    while (at?.parentSpanId !== undefined && !seen.has(at.spanId)) {
      seen.add(at.spanId);
      at = ids.get(hexId(at.parentSpanId));
    }
    expect(at?.spanId).toBe(ids.get(row.spanId)!.spanId);
    expect(
      rows.filter(({ spanId: id, mark }) => mark === 'cycle' && seen.has(String(Number(`0x${id}`) - 1))).length,
    ).toBe(1);
  }
}

function checkTimes(timeline: TimelineAnswer): void {
  const { rows, concurrency, criticalPath, gaps, durationUs } = timeline;
  const selfUs = rows.map(() => 0);
  for (const [from, to] of stretches(timeline)) {
    const working = workingAt(timeline, (from + to) / 2);
    for (const row of working) selfUs[row]! += to - from;
    const step = concurrency.findLast(({ offsetUs }) => offsetUs <= from);
    expect(step?.spans ?? 0).toBe(working.length);
    for (const row of working) {
      const isGap = gaps.some((gap) => gap.row === row && gap.offsetUs <= from && to <= gap.offsetUs + gap.durationUs);
      if (isGap) expect(rows.some(({ parent }) => parent === row)).toBe(true);
    }
  }
  expect(rows.map((row) => row.selfUs)).toEqual(selfUs);
  for (const gap of gaps) expect(gap.durationUs).toBeGreaterThanOrEqual(Math.max(1_000, durationUs / 100));
  const tree = { parent: Int32Array.from(rows, ({ parent }) => parent) };
  const startUs = Float64Array.from(rows, (row) => row.offsetUs);
  const endUs = Float64Array.from(rows, (row) => row.offsetUs + row.durationUs!);
  expect(criticalPath.map((each) => [each.row, each.offsetUs, each.offsetUs + each.durationUs])).toEqual(
    plainPath(tree, { startUs, endUs }, 0).map((each) => [each.row, each.startUs, each.endUs]),
  );
}

function checkClocks({ clocks, rows, startUs }: TimelineAnswer, real: readonly number[], isSound: boolean): void {
  for (const row of rows) {
    if (row.clock === undefined) continue;
    expect(startUs + row.offsetUs).toBe(row.startUs! + clocks[row.clock]!.offsetUs);
  }
  const realOf = ({ service }: { service: string }) => real[Number(service.split('-')[1])]!;
  for (const clock of clocks) {
    // A parent that is not the real one says nothing true.
    if (!isSound) continue;
    const distance = realOf(clock) - realOf(clocks[clock.reference]!);
    expect(distance).toBeGreaterThanOrEqual(clock.minUs ?? Number.NEGATIVE_INFINITY);
    expect(distance).toBeLessThanOrEqual(clock.maxUs ?? Number.POSITIVE_INFINITY);
    expect(clock.confidence).toBeLessThanOrEqual(1);
  }
}

it.each([
  ['lost', { lost: true }],
  ['lost and cyclic', { lost: true, cyclic: true }],
] as const)('tells the truth of traces that are doubled, out of order, a minute off, %s', async (_, faults) => {
  const failures = fc.array(fc.nat({ max: 20 }), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(arbitraryTrace(faults), failures, fc.boolean(), async (trace, failures, isDecided) => {
      const { received, offsets } = trace;
      if (received.length === 0) return;
      const id = traceId(next++);
      const failed = new Set(failures.map(String));
      await send(id, received, failed);
      if (isDecided) for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
      const timeline = await timelineOf(id);
      checkTree(timeline, received);
      checkTimes(timeline);
      checkClocks(timeline, offsets, !('cyclic' in faults));
      const { rows, errorChain, duplicates, completeness } = timeline;
      expect(duplicates).toBe(rows.reduce((sum, { versions }) => sum + (versions ?? 1) - 1, 0));
      expect(completeness.missingParents).toBe(
        new Set(
          received.flatMap(({ parentSpanId: above }) =>
            received.some((each) => each.spanId === above) || above === undefined ? [] : [above],
          ),
        ).size,
      );
      const deepest = Math.max(-1, ...rows.filter(({ status }) => status === 'error').map(({ depth }) => depth));
      expect(errorChain.map((row) => rows[row]!.depth)).toEqual(
        Array.from({ length: deepest + 1 }, (_, i) => deepest - i),
      );
      for (const [i, row] of errorChain.entries()) {
        if (i === 0) expect(rows[row]!.status).toBe('error');
        else expect(rows[errorChain[i - 1]!]!.parent).toBe(row);
      }
    }),
    { numRuns: 150 },
  );
});
