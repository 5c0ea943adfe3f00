/** Views of traces for tests: only what a test says matters, the rest is sensible. */

import type { TraceView } from '../../../durable-objects/trace-view.ts';
import { formatHex } from '../../../model/ids.ts';
import type { Attributes, Span, StatusCode } from '../../../model/span.ts';

export interface ViewSpan {
  readonly service?: string;
  readonly name?: string;
  readonly kind?: number;
  /** Index of the parent; the first span has none, the others have the first. -1 for none. */
  readonly parent?: number;
  readonly status?: StatusCode;
  /** From the start of the trace. */
  readonly atUs?: number;
  /** null leaves it open. */
  readonly durationUs?: number | null;
  readonly measured?: boolean;
  readonly attributes?: Attributes;
  readonly resource?: Attributes;
  readonly traceFlags?: number;
  readonly traceState?: string;
}

export interface ViewOptions {
  readonly traceId?: string;
  /** The 56 bits of randomness; by default all ones, which every sampler takes. */
  readonly random?: readonly [high: number, low: number];
  readonly headProbability?: number;
  readonly bytes?: number;
  readonly rootEnded?: boolean;
  /** One span of `shop` where none are given. */
  readonly spans?: readonly ViewSpan[];
}

export const VIEW_START_US = 1_790_000_000_000_000;
export const VIEW_START_MS = VIEW_START_US / 1000;

const operations = new Map<string, number>();

export function makeView(options: ViewOptions = {}): TraceView {
  const spans = options.spans ?? [{}];
  const at = (i: number) => spans[i]!;
  const serviceOf = (i: number) => at(i).service ?? 'shop';
  const nameOf = (i: number) => at(i).name ?? 'GET /';
  const startOf = (i: number) => VIEW_START_US + (at(i).atUs ?? 0);
  const durationOf = (i: number) => (at(i).durationUs === undefined ? 1_000 : at(i).durationUs!);
  const parentOf = (i: number) => at(i).parent ?? (i === 0 ? -1 : 0);
  let decoded: readonly Span[] | null = null;
  let durationUs = 0;
  for (let i = 0; i < spans.length; i++) {
    durationUs = Math.max(durationUs, startOf(i) + (durationOf(i) ?? 0) - VIEW_START_US);
  }
  const traceId = options.traceId ?? '0af7651916cd43dd84ffffffffffffff';
  return {
    traceId,
    randomHigh: options.random?.[0] ?? 2 ** 24 - 1,
    randomLow: options.random?.[1] ?? 2 ** 32 - 1,
    headProbability: options.headProbability ?? 1,
    startUs: VIEW_START_US,
    durationUs,
    bytes: options.bytes ?? spans.length * 200,
    spanCount: spans.length,
    errorCount: spans.filter(({ status }) => status === 'error').length,
    root: 0,
    rootEnded: options.rootEnded ?? durationOf(0) !== null,
    operation: (i) => {
      const key = `${serviceOf(i)}\n${nameOf(i)}`;
      if (!operations.has(key)) operations.set(key, operations.size);
      return operations.get(key)!;
    },
    service: serviceOf,
    name: nameOf,
    kind: (i) => at(i).kind ?? 2,
    isError: (i) => at(i).status === 'error',
    startUsOf: startOf,
    endUsOf: (i) => (durationOf(i) === null ? 0 : startOf(i) + durationOf(i)!),
    parent: parentOf,
    weight: () => 1,
    isMeasured: (i) => at(i).measured ?? false,
    decoded: () => {
      decoded ??= spans.map((span, i): Span => {
        const duration = durationOf(i);
        return {
          traceId,
          spanId: idOf(i),
          ...(parentOf(i) < 0 ? {} : { parentSpanId: idOf(parentOf(i)) }),
          name: nameOf(i),
          kind: 'server',
          startUs: startOf(i),
          ...(duration === null ? {} : { durationUs: duration }),
          state: duration === null ? 'open' : 'ended',
          status: { code: span.status ?? 'unset' },
          attributes: span.attributes ?? {},
          events: [],
          links: [],
          resource: { attributes: { 'service.name': serviceOf(i), ...span.resource } },
          scope: { name: 'test' },
          ...(span.traceFlags === undefined ? {} : { traceFlags: span.traceFlags }),
          ...(span.traceState === undefined ? {} : { traceState: span.traceState }),
        };
      });
      return decoded;
    },
  };
}

/** Trace id and randomness as random as the numbers are. */
export function randomTrace(random: () => number): { traceId: string; random: [number, number] } {
  const bytes = Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256));
  const view = new DataView(bytes.buffer);
  return { traceId: formatHex(bytes), random: [view.getUint32(8) & 0xffffff, view.getUint32(12)] };
}

function idOf(i: number): string {
  return (i + 1).toString(16).padStart(16, '0');
}
