/** What the search index costs: CPU to build and merge segments, bytes a trace, and how long a search takes without the network. */

import { encodeTracesData } from '../model/otlp/encode.ts';
import { parseQuery } from '../model/query/parse-query.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { SpanData } from '../model/span-data.ts';
import { buildSegment, type IndexedTrace } from '../store/segment/build.ts';
import { decodeSegment, encodeSegment } from '../store/segment/format.ts';
import { mergeSegments } from '../store/segment/merge.ts';
import { openSegment, type ReadRange } from '../store/segment/open.ts';
import { seededRandom } from '../test/kit/random.ts';
import { median, whole } from './measure.ts';

const TRACES = 42_000;
const TRACES_PER_SEGMENT = 1_000;
const ROUNDS = 7;
const HOUR_US = 3_600_000_000;
const SERVICES = ['web', 'cart', 'stock', 'payment', 'search', 'user', 'mail', 'db'];

const random = seededRandom(1);
const below = (limit: number) => Math.floor(random() * limit);
const oneOf = <T>(list: readonly T[]) => list[below(list.length)]!;
const id = (bytes: number) => Uint8Array.from({ length: bytes }, () => 1 + below(255));

/** Eight spans of a service each with six attributes: one of the user, one that is nearly, and one that is always different. */
function makeTrace(): IndexedTrace {
  const traceId = id(16);
  const startUs = 1_700_000_000_000_000 + below(HOUR_US);
  const user = `user-${below(20_000)}`;
  const spans = SERVICES.map((service, i) => {
    const method = oneOf(['GET', 'POST']);
    const span: SpanData = {
      traceId,
      spanId: id(8),
      parentSpanId: i === 0 ? null : id(8),
      name: `${method} /${service}/${below(20)}`,
      kind: 2,
      startUs: startUs + i,
      endUs: startUs + 100,
      flags: 1,
      traceState: '',
      statusCode: 0,
      statusMessage: '',
      attributes: [
        ['http.request.method', method],
        ['http.response.status_code', oneOf([200, 200, 200, 404, 500])],
        ['http.route', `/${service}/:id`],
        ['url.path', `/${service}/${below(100_000)}`],
        ['user.id', user],
        ['latency', 1_000 * random()],
      ],
      events: [],
      links: [],
      scope: 'bench',
      droppedAttributes: 0,
      droppedEvents: 0,
      droppedLinks: 0,
    };
    const resource = [
      ['service.name', service],
      ['host.name', `${service}-${below(4)}`],
      ['deployment.environment', 'production'],
    ] as const;
    return encodeTracesData(resource, [span]);
  });
  return {
    traceId: Buffer.from(traceId).toString('hex'),
    startUs,
    durationUs: below(1_000_000),
    status: random() < 0.05 ? 'error' : 'ok',
    otlp: concatBytes(spans),
  };
}

/** Milliseconds of CPU, garbage collection included: others on the machine do not count. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const groups = Array.from({ length: TRACES / TRACES_PER_SEGMENT }, () =>
  Array.from({ length: TRACES_PER_SEGMENT }, makeTrace),
);
let segments = groups.map(buildSegment);
const build = cpuMs(() => {
  segments = groups.map(buildSegment);
});
let merged = mergeSegments(segments, () => true);
const merge = cpuMs(() => {
  merged = mergeSegments(segments, () => true);
});
const bytes = encodeSegment(merged);
const decode = cpuMs(() => decodeSegment(bytes));
console.log(`${whole(TRACES)} traces of ${SERVICES.length} spans with six attributes and three of the resource
build, ${whole(TRACES_PER_SEGMENT)} at a time   ${((build * 1_000) / TRACES).toFixed(1)} µs CPU a trace
merge ${segments.length} segments        ${whole(merge)} ms CPU
check a whole one        ${whole(decode)} ms CPU
size                     ${(bytes.length / TRACES).toFixed(0)} B a trace\n`);

const reads: number[] = [];
const read: ReadRange = async (range) => {
  const start = 'suffix' in range ? Math.max(0, bytes.length - range.suffix) : range.offset;
  const part = bytes.slice(start, 'suffix' in range ? bytes.length : start + range.length);
  reads.push(part.length);
  return { bytes: part, size: bytes.length };
};

async function measure(what: string, work: () => Promise<string>): Promise<void> {
  const times: number[] = [];
  let result = '';
  for (let round = 0; round < ROUNDS; round++) {
    reads.length = 0;
    const began = performance.now();
    result = await work();
    times.push(performance.now() - began);
  }
  const kilobytes = reads.reduce((sum, length) => sum + length, 0) / 1024;
  const cost = `${median(times).toFixed(1)} ms`.padStart(9);
  console.log(
    `${what.padEnd(44)} ${cost}  ${reads.length} ${reads.length === 1 ? 'read' : 'reads'}, ${whole(kilobytes)} KB${result}`,
  );
}

await measure('open', async () => {
  await openSegment(read);
  return '';
});
const reader = await openSegment(read);
for (const line of [
  'user.id=user-77',
  'service=cart operation="GET /cart/3"',
  'deployment.environment=production',
  'url.path=*',
  'duration>500ms',
  'status=error',
  'http.response.status_code!=200',
  'latency>500',
  'user.id=user-77 latency>500 status=error',
]) {
  await measure(line, async () => `, ${whole((await reader.find(parseQuery(line))).count())} found`);
}
