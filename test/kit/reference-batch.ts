/**
 * A second reader of batches, written from `docs/wire-format.md` alone and as plainly as that page: it shares no code with ours, checks
 * nothing and is slow.
 */

import type { SpanData, SpanDataAttributes, SpanDataValue } from '../../model/span-data.ts';

export interface ReferenceBatch {
  readonly flags: number;
  readonly resource: SpanDataAttributes;
  /** Number and count, as they stand there. */
  readonly losses: readonly (readonly [number, number])[];
  readonly spans: readonly SpanData[];
}

export function readBatch(batch: Uint8Array): ReferenceBatch {
  const rest = [...batch];
  const take = (count: number) => Uint8Array.from(rest.splice(0, count));
  const u8 = () => rest.shift()!;
  const varint = (): bigint => {
    const byte = u8();
    return byte < 128 ? BigInt(byte) : BigInt(byte - 128) + 128n * varint();
  };
  const number = () => Number(varint());
  const zigzag = () => {
    const n = varint();
    return Number(n % 2n === 0n ? n / 2n : -(n + 1n) / 2n);
  };
  const text = () => Buffer.from(take(number())).toString('utf8');
  const list = <T>(read: () => T): T[] => Array.from({ length: number() }, read);

  const table: string[] = [];
  const string = (): string => {
    const n = number();
    if (n === 0) return text();
    return n === 1 ? table[number()]! + text() : table[n - 2]!;
  };
  const value = (): SpanDataValue => {
    const type = u8();
    if (type === 0) return string();
    if (type === 1 || type === 2) return type === 1;
    if (type === 3) return number();
    if (type === 4) return -number();
    return type === 5 ? Buffer.from(take(8)).readDoubleLE() : (list(value) as SpanDataValue);
  };
  const attributes = () => list(() => [string(), value()] as const);

  if (Buffer.from(take(4)).toString('latin1') !== 'TRLB' || u8() !== 1) throw new Error('not a batch of version 1');
  const flags = u8();
  let previousUs = number();
  const tableEnd = number();
  const after = rest.length - tableEnd;
  while (rest.length > after) table.push(text());
  const resource = attributes();
  const losses: [number, number][] = [];
  for (let n = number(); n !== 0; n = number()) losses.push([n, number()]);

  const spans: SpanData[] = [];
  const traceIds: Uint8Array[] = [];
  for (let n = number(); n !== 0; n = number()) {
    if (n === 1) traceIds.push(take(16));
    const traceId = n === 1 ? traceIds.at(-1)! : traceIds[n - 2]!;
    const spanId = take(8);
    const parent = number();
    const parentSpanId = parent === 0 ? null : parent === 1 ? take(8) : spans.at(1 - parent)!.spanId;
    const startUs = previousUs + zigzag();
    previousUs = startUs;
    const duration = number();
    const head = u8();
    const spanFlags = number();
    const [scope, name] = [string(), string()];
    const own = attributes();
    const hasExtras = (head & 32) > 0;
    const extras = <T>(read: () => T, otherwise: T) => (hasExtras ? read() : otherwise);
    spans.push({
      traceId,
      spanId,
      parentSpanId,
      name,
      kind: head & 7,
      startUs,
      endUs: duration === 0 ? null : startUs + duration - 1,
      flags: spanFlags,
      statusCode: (head >> 3) & 3,
      scope,
      attributes: own,
      statusMessage: extras(string, ''),
      traceState: extras(string, ''),
      events: extras(() => list(() => ({ name: string(), timeUs: startUs + zigzag(), attributes: attributes() })), []),
      links: extras(() => list(() => ({ traceId: take(16), spanId: take(8), attributes: attributes() })), []),
      droppedAttributes: extras(number, 0),
      droppedEvents: extras(number, 0),
      droppedLinks: extras(number, 0),
    });
  }
  if (rest.length > 0) throw new Error('something follows');
  return { flags, resource, losses, spans };
}
