/** A tracer with a sampler, and what its recorder was told. */

import type { Span } from '../../../client/api/span.ts';
import { Tracer } from '../../../client/api/tracer.ts';
import type { OpenRecordable, SpanSink } from '../../../client/recorder/recordable.ts';
import { sampleBy } from '../../../client/sampling/sample-by.ts';
import type { Sampler, Sampling } from '../../../client/sampling/sampler.ts';

export class Recording implements SpanSink {
  readonly tracer: Tracer;
  readonly sampling: Sampling;
  timeUs = 1_000_000;
  readonly started: Span[] = [];
  readonly ended: Span[] = [];
  readonly dropped: Span[] = [];
  ignored = 0;

  constructor(sampler: Sampler | Sampling) {
    this.sampling = 'start' in sampler ? sampler : sampleBy(sampler);
    this.tracer = new Tracer(this);
  }

  segmentUs(): number {
    return 0;
  }

  nowUs(): number {
    return this.timeUs;
  }

  onStart(span: OpenRecordable): void {
    this.started.push(span as Span);
  }

  onEnd(span: OpenRecordable): void {
    this.ended.push(span as Span);
  }

  onDrop(span: OpenRecordable): void {
    this.dropped.push(span as Span);
  }

  onIgnored(): void {
    this.ignored++;
  }

  async ready(): Promise<void> {}

  /** Names of what ended, with `+` where it is sampled. */
  get sent(): string[] {
    return this.ended.map(({ name, flags }) => `${name}${flags & 1 ? '+' : ''}`);
  }
}

/** The context of a span elsewhere. */
export function remote(flags: number, traceState = '') {
  return { traceId: '0123456789abcdef0123456789abcdef', spanId: '00000000000000ff', flags, traceState };
}
