/** What the edge knows of the connection a page's batch came by, as attributes of the page's resource. */

import type { IngestConfig } from '../../durable-objects/config/ingest.ts';
import type { SpanDataAttributes, SpanDataValue } from '../../model/span-data.ts';

/** OpenTelemetry's names where it has one. `tailrace.clock_offset_ms` is the edge's clock less the page's. */
const COLO = 'tailrace.edge.colo';
const COUNTRY = 'geo.country.iso_code';
const ASN = 'tailrace.client.asn';
const PROTOCOL = 'tailrace.client.http_protocol';
const CLOCK_OFFSET = 'tailrace.clock_offset_ms';
const OWN_KEYS: ReadonlySet<string> = new Set([COLO, COUNTRY, ASN, PROTOCOL, CLOCK_OFFSET]);

/**
 * The resource of a page's spans, with what it has found of its clock (`offset` of its request). Everybody has a page's key: what only
 * the edge can know, the page cannot say.
 */
export function describePage(
  resource: SpanDataAttributes,
  request: Request,
  sentUs: number,
  toldMs: string | undefined,
  { describePages }: IngestConfig,
): SpanDataAttributes {
  const own: (readonly [string, SpanDataValue])[] = [];
  if (describePages) {
    const { cf } = request as { cf?: Partial<Record<'colo' | 'country' | 'asn' | 'httpProtocol', unknown>> };
    const known = [
      [COLO, cf?.colo],
      [COUNTRY, cf?.country],
      [ASN, cf?.asn],
      [PROTOCOL, cf?.httpProtocol],
    ] as const;
    for (const [key, value] of known) {
      if ((typeof value === 'string' && value !== '') || typeof value === 'number') own.push([key, value]);
    }
    // A page that has had an answer knows better: the way there and back is not in it.
    const isTold = toldMs !== undefined && /^-?\d{1,13}$/.test(toldMs);
    own.push([CLOCK_OFFSET, isTold ? Number(toldMs) : Math.round(Date.now() - sentUs / 1000)]);
  }
  return [...resource.filter(([key]) => !OWN_KEYS.has(key)), ...own];
}
