/** Times spans of both SDKs in one page. bench/span-cost.bench.ts opens it and calls `measureRound`. */
import { context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web';
// The bench puts the built package in its place.
import { init } from '../../client/index.ts';

const SPANS = 2_000;
const NAMES = Array.from({ length: 20 }, (_, i) => `render part ${i}`);

/** Five as a page's spans have them; one of the texts is another one each time. */
const attributes = (i: number) => ({
  'http.request.method': 'GET',
  'url.full': `https://shop.example/api/items/${i}`,
  'http.response.status_code': 200,
  'app.items': i % 7,
  'app.logged_in': true,
});

const sdk = init({
  serviceName: 'bench',
  endpoint: location.origin,
  instrument: { fetch: false, documentLoad: false, clicks: false },
});
const root = sdk.tracer.startSpan('root');

/** Everything that is not recording is kept out of the timed part: nothing is encoded or sent. */
let exported = 0;
const otelProcessor = new BatchSpanProcessor(
  {
    export(spans, done) {
      exported += spans.length;
      done({ code: 0 });
    },
    shutdown: async () => {},
  },
  { maxQueueSize: 4 * SPANS, maxExportBatchSize: 4 * SPANS, scheduledDelayMillis: 3_600_000 },
);
const otel = new WebTracerProvider({ spanProcessors: [otelProcessor] }).getTracer('bench');
const inRoot = trace.setSpan(context.active(), otel.startSpan('root'));

/** The same with OpenTelemetry's exporter, which encodes on the page. */
const exporter = new OTLPTraceExporter({ url: `${location.origin}/v1/traces` });
const sendingProcessor = new BatchSpanProcessor(exporter, { maxQueueSize: 4 * SPANS, scheduledDelayMillis: 3_600_000 });
const sendingOtel = new WebTracerProvider({ spanProcessors: [sendingProcessor] }).getTracer('bench');

let sink = 0;
const times = (one: (i: number, name: string) => void) => () => {
  for (let i = 0; i < SPANS; i++) one(i, NAMES[i % NAMES.length]!);
};
const CASES = {
  floor: times(() => {
    sink += performance.now() - performance.now();
  }),
  tailrace: times((_, name) => sdk.tracer.startSpan(name, { parent: root }).end()),
  opentelemetry: times((_, name) => otel.startSpan(name, {}, inRoot).end()),
  tailraceAttributes: times((i, name) => sdk.tracer.startSpan(name, { parent: root, attributes: attributes(i) }).end()),
  opentelemetryAttributes: times((i, name) => otel.startSpan(name, { attributes: attributes(i) }, inRoot).end()),
};
const sendAttributes = times((i, name) => sendingOtel.startSpan(name, { attributes: attributes(i) }, inRoot).end());
export type Case = keyof typeof CASES;
const ORDER = Object.keys(CASES) as Case[];

/** Nanoseconds a span for each case. The order turns with the round; between two cases everything is flushed. */
async function measureRound(round: number): Promise<Record<Case, number>> {
  const result = {} as Record<Case, number>;
  for (let i = 0; i < ORDER.length; i++) {
    const name = ORDER[(round + i) % ORDER.length]!;
    const started = performance.now();
    CASES[name]();
    result[name] = ((performance.now() - started) / SPANS) * 1e6;
    await Promise.all([sdk.flush(), otelProcessor.forceFlush()]);
  }
  return result;
}

const page = {
  measureRound,
  /** A round of spans with attributes, recorded and delivered. */
  deliver: {
    async tailrace() {
      CASES.tailraceAttributes();
      await sdk.flush();
    },
    async opentelemetry() {
      sendAttributes();
      await sendingProcessor.forceFlush();
    },
  },
  /** What was recorded and lost, to show that both SDKs did all of the work. */
  report: () => ({ spans: SPANS, mode: sdk.mode, stats: sdk.stats(), exported, sink }),
};
export type BenchPage = typeof page;
Object.assign(globalThis, { bench: page });
