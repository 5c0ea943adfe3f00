/** OTLP of one large trace: ten services, fifty operations each, clocks that are apart, eight attributes a span. */

import { parseHex } from '../../model/ids.ts';
import { encodeTracesData } from '../../model/otlp/encode.ts';
import { concatBytes } from '../../model/slice-frame.ts';
import type { SpanData } from '../../model/span-data.ts';
import { spanId } from './spans.ts';

const SERVICES = 10;
const OPERATIONS = 50;
const CHILDREN = 4;
const ROOT_US = 10_000_000;
const [SERVER, CLIENT] = [2, 3];

export interface LargeTrace {
  readonly traceId: string;
  readonly spans: number;
  readonly startUs: number;
  /** So many spans are a chain; the others are leaves below its last one, or without it all are a bush. */
  readonly depth?: number;
}

/** In requests' worth of at most `perRequest` spans. */
export function* largeTrace({ traceId, spans, startUs, depth }: LargeTrace, perRequest: number): Generator<Uint8Array> {
  const parentOf = (i: number) => {
    if (i === 0) return -1;
    if (depth === undefined) return Math.floor((i - 1) / CHILDREN);
    return Math.min(i, depth) - 1;
  };
  const levelOf = (i: number) => {
    let level = 0;
    for (let at = i; at > 0 && depth === undefined; at = parentOf(at)) level++;
    return depth === undefined ? level : Math.min(i, depth);
  };
  for (let from = 0; from < spans; from += perRequest) {
    const members = Array.from({ length: Math.min(perRequest, spans - from) }, (_, at) => from + at);
    const groups = Map.groupBy(members, (i) => Math.floor(levelOf(i) / 2) % SERVICES);
    yield concatBytes(
      [...groups].map(([service, each]) =>
        encodeTracesData(
          [
            ['service.name', `service-${service}`],
            ['service.instance.id', `instance-${service}`],
          ],
          each.map((i) => toSpan(traceId, i, parentOf(i), levelOf(i), startUs + service * 7_000_000)),
        ),
      ),
    );
  }
}

function toSpan(traceId: string, i: number, parent: number, level: number, startUs: number): SpanData {
  const from = startUs + level * 10 + (i % 97);
  return {
    traceId: parseHex(traceId)!,
    spanId: parseHex(spanId(i + 1))!,
    parentSpanId: parent < 0 ? null : parseHex(spanId(parent + 1))!,
    name: `operation-${i % OPERATIONS}`,
    // The last in one service calls the first in the next.
    kind: level % 2 === 0 ? SERVER : CLIENT,
    startUs: from,
    endUs: from + Math.max(1, ROOT_US - level * 200 - (i % 89)),
    flags: 1,
    traceState: '',
    statusCode: i % 97 === 96 ? 2 : 0,
    statusMessage: '',
    attributes: [
      ['http.request.method', 'GET'],
      ['http.route', '/carts/{id}'],
      ['http.response.status_code', i % 97 === 96 ? 500 : 200],
      ['url.path', `/carts/${i}`],
      ['user.id', `user-${i % 1_000}`],
      ['db.system.name', 'postgresql'],
      ['db.query.text', 'SELECT * FROM carts WHERE id = $1'],
      ['thread.id', i % 16],
    ],
    events: [],
    links: [],
    scope: 'load',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
  };
}
