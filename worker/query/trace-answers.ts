/** What the API answers about one trace, in every form, with what lets a client not ask for the same bytes twice. */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { toJaegerTrace } from '../../model/jaeger/trace-json.ts';
import { toOtlpJson } from '../../model/otlp/to-json.ts';
import type { Store } from '../../store/store.ts';
import { noteRead } from '../audit.ts';
import { parseTraceId } from '../control/traces.ts';
import { HttpError } from '../errors.ts';
import { timelineAnswer } from './timeline.ts';
import { type FoundTrace, findTrace, madeOf, spansOf, traceAnswer } from './traces.ts';
import { windowStatistics } from './window-statistics.ts';

/** `nowMs`: milliseconds since the epoch. */
export interface TraceSource {
  readonly config: CurrentConfig;
  readonly store: Store;
  readonly nowMs: number;
}

type App = Context<{ Bindings: Env }>;

interface Form {
  readonly contentType: string;
  /** Of a download; `{id}` is the trace's. */
  readonly fileName?: string;
  readonly make: (traceId: string, found: FoundTrace) => Uint8Array;
}

const encoder = new TextEncoder();
export const json = (value: unknown): Uint8Array => encoder.encode(JSON.stringify(value));
export const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';

const JSON_FORM: Form = { contentType: JSON_TYPE, make: (traceId, found) => json(traceAnswer(traceId, found)) };
const PROTOBUF_FORM: Form = { contentType: PROTOBUF_TYPE, make: (_, { otlp }) => otlp };

/** By the parameter `format`. */
const DOWNLOADS: ReadonlyMap<string, Form> = new Map([
  ['otlp', { ...PROTOBUF_FORM, fileName: 'trace-{id}.otlp' }],
  [
    'otlp-json',
    { contentType: JSON_TYPE, fileName: 'trace-{id}.otlp.json', make: (_, { otlp }) => json(toOtlpJson(otlp)) },
  ],
  [
    'jaeger',
    {
      contentType: JSON_TYPE,
      fileName: 'trace-{id}.jaeger.json',
      make: (_, found) => json({ data: [toJaegerTrace(spansOf(found))] }),
    },
  ],
]);

/** `GET /api/traces/{id}?format=`. */
export async function answerTrace(c: App, source: TraceSource): Promise<Response> {
  const format = c.req.query('format');
  const download = format === undefined ? undefined : DOWNLOADS.get(format);
  if (format !== undefined && download === undefined) {
    const known = [...DOWNLOADS.keys()].join(', ');
    throw new HttpError(400, 'bad_parameter', `format is ${JSON.stringify(format)}; want one of ${known}`);
  }
  const { traceId, found } = await readTrace(c, source);
  const wantsProtobuf = c.req.header('accept')?.includes(PROTOBUF_TYPE) === true;
  const form = download ?? (wantsProtobuf ? PROTOBUF_FORM : JSON_FORM);
  c.header('vary', 'accept', { append: true });
  if (form.fileName !== undefined) {
    c.header('content-disposition', `attachment; filename="${form.fileName.replace('{id}', traceId)}"`);
  }
  const name = format ?? (wantsProtobuf ? 'protobuf' : 'json');
  return answer(c, traceId, found, name, form.contentType, () => form.make(traceId, found));
}

/** `GET /api/traces/{id}/timeline`. */
export async function answerTimeline(c: App, source: TraceSource): Promise<Response> {
  const { traceId, found } = await readTrace(c, source);
  // Of a trace that is not stored it is not known before it is decoded.
  const startUs = found.startUs ?? spansOf(found)[0]?.startUs ?? 0;
  const statistics = await windowStatistics(source.store, startUs, source.nowMs);
  return answer(c, traceId, found, `timeline-${statistics.tag}`, JSON_TYPE, () =>
    json(timelineAnswer(traceId, found, statistics)),
  );
}

/** Throws HttpError 400 `bad_trace_id`, 404 `not_found`. */
export async function foundTrace(c: App, { config, store }: TraceSource, text: string) {
  const traceId = parseTraceId(text);
  const found = await findTrace(c.env, config, store, traceId);
  if (!found) {
    throw new HttpError(404, 'not_found', `there is no trace ${traceId}: it was never received, or has expired`);
  }
  noteRead(c, 'trace.read', traceId);
  return { traceId, found };
}

function readTrace(c: App, source: TraceSource) {
  return foundTrace(c, source, c.req.param('id') ?? '');
}

function answer(
  c: App,
  traceId: string,
  found: FoundTrace,
  name: string,
  contentType: string,
  make: () => Uint8Array,
): Response {
  const body = () => madeOf(traceId, found, name, make);
  return unlessKnown(c, found.version === null ? null : `${found.version}-${name}`, contentType, body);
}

/** An answer with this tag, or that the client has it already. What has none may be another the next time. */
export function unlessKnown(c: App, tag: string | null, contentType: string, make: () => Uint8Array): Response {
  if (tag === null) c.header('cache-control', 'private, no-store');
  else {
    const etag = `"${tag}"`;
    c.header('cache-control', 'private, no-cache');
    c.header('etag', etag);
    if (isAmong(c.req.header('if-none-match'), etag)) return c.body(null, 304);
  }
  return c.body(make() as Uint8Array<ArrayBuffer>, 200, { 'content-type': contentType });
}

/** Of an `If-None-Match`. A cache on the way may have made the tag a weak one. */
function isAmong(header: string | undefined, etag: string): boolean {
  return header?.split(',').some((known) => [etag, '*'].includes(known.trim().replace(/^W\//, ''))) === true;
}
