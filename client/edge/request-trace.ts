/** The spans of one request: starts them, keeps them, and hands them over for export once the response is on its way. */

import { formatHex, parseHex } from '../../model/ids.ts';
import type { SpanData } from '../../model/span-data.ts';
import { hexToWords } from '../api/ids.ts';
import { FLAG_RANDOM, FLAG_SAMPLED, type TraceContext } from '../propagation/w3c.ts';
import { formatThreshold, randomOf, thresholdOf } from '../sampling/threshold.ts';
import { activeSpan } from './active-span.ts';
import { nowUs, randomId, wait } from './clock.ts';
import { exportSpans } from './exporter.ts';
import { countLoss } from './losses.ts';
import type { ResolvedOptions } from './options.ts';
import { sampleRateNow } from './remote.ts';
import { RecordingSpan } from './span.ts';

/** Beyond this a request's spans are counted as lost; a loop must not eat the isolate's memory. */
const MAX_SPANS_PER_REQUEST = 2_000;

export class RequestTrace {
  readonly options: ResolvedOptions;
  /** Origin of the request being answered; outgoing requests to it carry `traceparent`. */
  readonly origin: string;
  readonly #traceId: Uint8Array;
  readonly #flags: number;
  readonly #traceState: string;
  /** Spans are sent whether the head sampled them or not. */
  readonly #isCertain: boolean;
  readonly #isDropped: boolean;
  readonly #remoteParent: Uint8Array | null;
  readonly #open = new Set<RecordingSpan>();
  #ended: SpanData[] = [];
  #sequence = 0;
  #ctx: ExecutionContext | null = null;
  #exporting = false;

  /** `parent` is the caller's span; null starts a new trace, which is recorded by chance. */
  constructor(options: ResolvedOptions, origin: string, parent: TraceContext | null) {
    this.options = options;
    this.origin = origin;
    this.#traceId = parent ? parseHex(parent.traceId)! : randomId(16);
    this.#remoteParent = parent ? parseHex(parent.spanId) : null;
    const rate = parent ? 1 : sampleRateNow(options.sampleRate);
    const threshold = thresholdOf(rate);
    this.#isCertain = rate === 1;
    this.#isDropped = randomOf(hexToWords(formatHex(this.#traceId))) < threshold;
    this.#flags = parent ? parent.flags : this.#isDropped ? FLAG_RANDOM : FLAG_SAMPLED | FLAG_RANDOM;
    const sampled = this.#isCertain || this.#isDropped ? '' : `ot=th:${formatThreshold(threshold)}`;
    this.#traceState = parent?.traceState ?? sampled;
  }

  /** Starts a span under `parent`; null means the caller's span. Past the cap the span is not recorded: null. */
  startSpan(name: string, kind: number, parent: RecordingSpan | null, scope: string): RecordingSpan | null {
    if (this.#sequence >= MAX_SPANS_PER_REQUEST) {
      countLoss('too_many_spans', 1, `a request may have ${MAX_SPANS_PER_REQUEST} spans`);
      return null;
    }
    const start = {
      traceId: this.#traceId,
      spanId: randomId(8),
      parentSpanId: parent ? parseHex(parent.context.spanId) : this.#remoteParent,
      name,
      kind,
      flags: this.#flags,
      traceState: this.#traceState,
      scope,
      sequence: this.#sequence++,
    };
    const span = new RecordingSpan(start, nowUs, (ended) => this.#onEnd(ended));
    this.#open.add(span);
    return span;
  }

  /**
   * The response has been handed back: exports what has ended, with the spans that are still open (work the handler
   * left to `waitUntil` or to a response stream); each of those is exported again when it ends.
   */
  responded(ctx: ExecutionContext): void {
    this.#ctx = ctx;
    for (const span of this.#open) this.#ended.push(span.toData());
    this.#export();
  }

  #onEnd(span: RecordingSpan): void {
    this.#open.delete(span);
    this.#ended.push(span.toData());
    this.#export();
  }

  #export(): void {
    if (this.#isDropped) this.#ended.length = 0;
    if (!this.#ctx || this.#exporting || this.#ended.length === 0) return;
    this.#exporting = true;
    try {
      this.#ctx.waitUntil(activeSpan.exit(() => this.#exportAll()));
    } catch (error) {
      // The request is over and the runtime takes no more work for it.
      countLoss('unreachable', this.#ended.splice(0).length, String(error));
      this.#exporting = false;
    }
  }

  async #exportAll(): Promise<void> {
    // Encoding must not hold the response back.
    await wait(0);
    while (this.#ended.length > 0) await exportSpans(this.options, this.#ended.splice(0), this.#isCertain);
    this.#exporting = false;
  }
}
