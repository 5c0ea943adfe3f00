/**
 * A day of stored traces, as many as are asked for: 10 services of 50 operations each, 8 spans a trace, 100,000 different values of one
 * attribute. They are written through the store, a thousand to a block, with the statistics of their minutes.
 */

import { toCompleteness } from '../model/completeness.ts';
import { Histogram } from '../model/histogram.ts';
import { encodeTracesData } from '../model/otlp/encode.ts';
import { concatBytes } from '../model/slice-frame.ts';
import type { SpanData, SpanDataAttributes } from '../model/span-data.ts';
import { projectRow } from '../model/statistics-roll-up.ts';
import { type Cell, encodeMinute, type OperationName } from '../model/statistics-row.ts';
import type { StatisticsRow, Store, TracePart } from '../store/store.ts';

export const SERVICES = Array.from({ length: 10 }, (_, i) => `service-${i}`);
const OPERATIONS = Array.from({ length: 50 }, (_, i) => `GET /resource-${String(i).padStart(2, '0')}`);
const SPANS = 8;
export const USERS = 100_000;
export const REGIONS = ['eu-west', 'eu-north', 'us-east', 'us-west', 'ap-south'];
const PER_BLOCK = 1_000;
export const HOUR_US = 3_600_000_000;
const DAY_US = 24 * HOUR_US;
const [SERVER, ERROR] = [2, 2];
/** Names as rows of statistics have them: ascending. */
const NAMES: readonly OperationName[] = SERVICES.flatMap((service) => OPERATIONS.map((name) => ({ service, name })));

interface Count {
  spans: number;
  errors: number;
  sumUs: number;
  readonly durations: Histogram;
}

/** What is counted of a minute, by the numbers of operations. */
class Minute {
  private readonly cells = new Map<number, Count>();
  private readonly edges = new Map<number, Count>();

  add(parent: number | null, operation: number, durationUs: number, isError: boolean): void {
    count(this.cells, operation, durationUs, isError);
    if (parent !== null) count(this.edges, parent * NAMES.length + operation, durationUs, isError);
  }

  row(minuteMs: number): StatisticsRow {
    const sorted = (counts: Map<number, Count>) => [...counts].sort(([a], [b]) => a - b);
    const data = encodeMinute({
      minute: minuteMs / 60_000,
      operations: NAMES,
      cells: sorted(this.cells).map(([operation, cell]) => ({ operation, kind: SERVER, ...toCell(cell) })),
      edges: sorted(this.edges).map(([key, cell]) => ({
        parent: Math.floor(key / NAMES.length),
        child: key % NAMES.length,
        ...toCell(cell),
        client: new Histogram(),
      })),
    });
    return { shard: 'bench', minuteMs, version: 1, data, services: projectRow(data, 'service') };
  }
}

function count(counts: Map<number, Count>, key: number, durationUs: number, isError: boolean): void {
  let cell = counts.get(key);
  if (!cell) {
    cell = { spans: 0, errors: 0, sumUs: 0, durations: new Histogram() };
    counts.set(key, cell);
  }
  cell.spans++;
  cell.errors += Number(isError);
  cell.sumUs += durationUs;
  cell.durations.record(durationUs);
}

function toCell(cell: Count): Cell {
  return { ...cell, variance: 0, errorVariance: 0 };
}

export interface WrittenTraces {
  readonly startUs: number;
  readonly endUs: number;
  /** Every hundredth trace. */
  readonly sample: readonly string[];
}

/** Writes `count` traces that began in the day before `endUs`, a full minute, and their statistics. */
export async function writeTraces(
  store: Store,
  traces: number,
  endUs: number,
  random: () => number,
  progress: (written: number) => void,
): Promise<WrittenTraces> {
  const startUs = endUs - DAY_US;
  const below = (limit: number) => Math.floor(random() * limit);
  const sample: string[] = [];
  let minute = new Minute();
  let minuteMs = startUs / 1_000;
  const rows: StatisticsRow[] = [];
  let writing: Promise<void> = Promise.resolve();
  for (let written = 0; written < traces; written += PER_BLOCK) {
    const parts: TracePart[] = [];
    for (let i = written; i < Math.min(written + PER_BLOCK, traces); i++) {
      const at = startUs + Math.floor(((i + random()) / traces) * DAY_US);
      while (at >= (minuteMs + 60_000) * 1_000) {
        rows.push(minute.row(minuteMs));
        minuteMs += 60_000;
        minute = new Minute();
      }
      const part = makeTrace(at, below, random, minute);
      if (i % 100 === 0) sample.push(part.traceId);
      parts.push(part);
    }
    // The next block is made while this one is written.
    await writing;
    writing = store.write(`bench/${String(written).padStart(9, '0')}`, parts);
    progress(written + parts.length);
  }
  await writing;
  rows.push(minute.row(minuteMs));
  for (let i = 0; i < rows.length; i += 20) await store.writeStatistics(rows.slice(i, i + 20));
  return { startUs, endUs, sample };
}

function makeTrace(startUs: number, below: (limit: number) => number, random: () => number, minute: Minute): TracePart {
  const traceId = randomBytes(16, below);
  const first = below(SERVICES.length);
  const isError = random() < 0.03;
  const rootUs = Math.ceil(2_000 * Math.exp(3 * (random() + random() + random() - 1)));
  const spanIds = Array.from({ length: SPANS }, () => randomBytes(8, below));
  const operations: number[] = [];
  const spans: SpanData[] = [];
  for (let i = 0; i < SPANS; i++) {
    const parent = i === 0 ? null : (i - 1) >> 1;
    const level = Math.floor(Math.log2(i + 1));
    // A service calls the next ones.
    const service = (first + level + (i % 2)) % SERVICES.length;
    const operation = service * OPERATIONS.length + below(OPERATIONS.length);
    operations.push(operation);
    const durationUs = Math.ceil(rootUs / (level + 1));
    const failed = isError && i === SPANS - 1;
    minute.add(parent === null ? null : operations[parent]!, operation, durationUs, failed);
    spans.push({
      traceId,
      spanId: spanIds[i]!,
      parentSpanId: parent === null ? null : spanIds[parent]!,
      name: OPERATIONS[operation % OPERATIONS.length]!,
      kind: SERVER,
      startUs: startUs + level * 10,
      endUs: startUs + level * 10 + durationUs,
      flags: 1,
      traceState: '',
      statusCode: failed ? ERROR : 0,
      statusMessage: '',
      attributes: attributesOf(i, failed, below, random),
      events: [],
      links: [],
      scope: 'bench',
      droppedAttributes: 0,
      droppedEvents: 0,
      droppedLinks: 0,
    });
  }
  const byService = Map.groupBy(spans.entries(), ([i]) => Math.floor(operations[i]! / OPERATIONS.length));
  const otlp = [...byService].map(([service, members]) =>
    encodeTracesData(
      [
        ['service.name', SERVICES[service]!],
        ['deployment.environment.name', 'production'],
      ],
      members.map(([, span]) => span),
    ),
  );
  const services = [...byService].map(([service, members]) => ({
    name: SERVICES[service]!,
    spanCount: members.length,
    errorCount: members.filter(([, { statusCode }]) => statusCode === ERROR).length,
  }));
  const id = Buffer.from(traceId).toString('hex');
  return {
    traceId: id,
    revision: 1,
    covers: 'whole',
    otlp: concatBytes(otlp),
    summary: {
      traceId: id,
      rootService: NAMES[operations[0]!]!.service,
      rootOperation: NAMES[operations[0]!]!.name,
      startUs,
      durationUs: Math.max(...spans.map(({ endUs }) => endUs!)) - startUs,
      spanCount: SPANS,
      errorCount: Number(isError),
      services,
      status: isError ? 'error' : 'ok',
      state: 'kept',
      decision: {
        keep: true,
        rate: 1,
        reason: 'always',
        policy: 'all',
        configVersion: 1,
        decidedUs: startUs + 2_000_000,
        retention: 'cold',
      },
      completeness: toCompleteness({ rootEnded: true, missingParents: 0, openSpans: 0 }),
    },
  };
}

/** The root has whose request it was. */
function attributesOf(
  i: number,
  failed: boolean,
  below: (limit: number) => number,
  random: () => number,
): SpanDataAttributes {
  const common = [
    ['http.request.method', below(5) === 0 ? 'POST' : 'GET'],
    ['http.response.status_code', failed ? 500 : below(20) === 0 ? 404 : 200],
    ['cloud.region', REGIONS[below(REGIONS.length)]!],
  ] as const;
  if (i > 0) return common;
  return [...common, ['user.id', `user-${below(USERS)}`], ['cart.value', Math.round(random() * 100_000) / 100]];
}

function randomBytes(length: number, below: (limit: number) => number): Uint8Array {
  return Uint8Array.from({ length }, () => 1 + below(255));
}
