import { createHash } from 'node:crypto';
import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_SLICED_BYTES } from '../../../model/limits.ts';
import { applyRules } from '../../../model/otlp/apply-rules.ts';
import { checkTimes } from '../../../model/otlp/check-times.ts';
import { decodeSpans } from '../../../model/otlp/decode.ts';
import {
  type AnyValue,
  AnyValueSchema,
  type KeyValue,
  KeyValueSchema,
  type TracesData,
  TracesDataSchema,
} from '../../../model/otlp/gen/trace_pb.js';
import {
  type Action,
  DROP,
  HASH,
  KEEP,
  KnownKeys,
  MASK,
  SCRUB_QUERY,
  SCRUB_URL,
} from '../../../model/otlp/key-actions.ts';
import { ProtoError, TooManyError } from '../../../model/otlp/proto-reader.ts';
import { scanTraces } from '../../../model/otlp/scan.ts';
import { scrubQuery, scrubUrl } from '../../../model/otlp/scrub.ts';
import { SlicePlan } from '../../../model/otlp/slice.ts';
import type { SpanLimits, SpanRules } from '../../../model/otlp/span-rules.ts';
import { REQUEST_LIMITS, type SpanTable } from '../../../model/otlp/span-table.ts';
import { concatBytes } from '../../../model/slice-frame.ts';
import { tracesData } from './arbitrary.ts';

const LIMITS: SpanLimits = {
  attributes: 3,
  events: 1,
  links: 1,
  eventAttributes: 2,
  linkAttributes: 2,
  valueBytes: 20,
};
const WIDE: SpanLimits = {
  attributes: 128,
  events: 128,
  links: 128,
  eventAttributes: 128,
  linkAttributes: 128,
  valueBytes: 65_536,
};

/** Of keys as random as the ones of `tracesData`, something happens to many. */
const actionOf = (key: string): Action => {
  if (key === 'url.full') return SCRUB_URL;
  if (key === 'url.query') return SCRUB_QUERY;
  if (/^[a-f]/.test(key)) return DROP;
  if (/^[0-9]/.test(key)) return MASK;
  return /^[A-Z]/.test(key) ? HASH : KEEP;
};
const digest = (value: Uint8Array) => createHash('sha256').update(value).digest('hex').slice(0, 8);

function rulesWith(limits: SpanLimits, act = actionOf, maxKeys = 1_000) {
  const removed = new Map<string, number>();
  const rules: SpanRules = {
    limits,
    keys: new KnownKeys(act, maxKeys),
    hash: digest,
    removed: (reason) => removed.set(reason, (removed.get(reason) ?? 0) + 1),
  };
  return { rules, removed };
}

function written(table: SpanTable): Uint8Array {
  const plan = new SlicePlan(table, table.goodRows());
  const bytes = new Uint8Array(plan.length);
  plan.writeTo(bytes, 0);
  return bytes;
}

const text = (value: string) => create(AnyValueSchema, { value: { case: 'stringValue', value } });

/** The same rules, applied to decoded messages. */
function oracle(message: TracesData, limits: SpanLimits): TracesData {
  const cutText = (value: string) => {
    const bytes = Buffer.from(value);
    if (bytes.length <= limits.valueBytes) return value;
    let kept = '';
    for (const character of value) {
      if (Buffer.byteLength(kept + character) > limits.valueBytes) break;
      kept += character;
    }
    return kept;
  };
  const cutValue = (any: AnyValue): void => {
    const { value } = any;
    if (value.case === 'stringValue') value.value = cutText(value.value);
    else if (value.case === 'bytesValue') value.value = value.value.subarray(0, limits.valueBytes);
    else if (value.case === 'arrayValue') value.value.values.forEach(cutValue);
    else if (value.case === 'kvlistValue')
      for (const entry of value.value.values) if (entry.value) cutValue(entry.value);
  };
  const scrubValue = ({ value }: AnyValue, scrub: (text: string) => string): void => {
    if (value.case === 'stringValue') value.value = scrub(value.value);
    else if (value.case === 'arrayValue') for (const item of value.value.values) scrubValue(item, scrub);
    else if (value.case === 'kvlistValue')
      for (const entry of value.value.values) if (entry.value) scrubValue(entry.value, scrub);
  };
  const attributesOf = (list: KeyValue[], max: number): [KeyValue[], number] => {
    const kept: KeyValue[] = [];
    for (const attribute of list) {
      const { key, value } = attribute;
      const isFixed = key === 'service.name';
      const action = isFixed ? KEEP : actionOf(key);
      if (action === DROP || Buffer.byteLength(key) > 256 || (kept.length >= max && !isFixed)) continue;
      const content = value?.value;
      const scrub = action === SCRUB_URL ? scrubUrl : action === SCRUB_QUERY ? scrubQuery : null;
      const isText = content?.case === 'stringValue';
      if (action === MASK) attribute.value = text('REDACTED');
      else if (action === HASH) {
        const bytes = isText ? Buffer.from(content.value) : value ? toBinary(AnyValueSchema, value) : new Uint8Array();
        attribute.value = text(digest(bytes));
      } else if (!isFixed && value) {
        if (scrub) scrubValue(value, scrub);
        cutValue(value);
      }
      kept.push(attribute);
    }
    return [kept, list.length - kept.length];
  };
  const apply = (part: { attributes: KeyValue[]; droppedAttributesCount: number } | undefined, max: number) => {
    if (!part) return;
    const [kept, dropped] = attributesOf(part.attributes, max);
    part.attributes = kept;
    part.droppedAttributesCount += dropped;
  };
  const result = clone(TracesDataSchema, message);
  for (const { resource, scopeSpans } of result.resourceSpans) {
    apply(resource, limits.attributes);
    for (const { scope, spans } of scopeSpans) {
      apply(scope, limits.attributes);
      for (const span of spans) {
        apply(span, limits.attributes);
        span.droppedEventsCount += Math.max(0, span.events.length - limits.events);
        span.events.length = Math.min(span.events.length, limits.events);
        for (const event of span.events) apply(event, limits.eventAttributes);
        span.droppedLinksCount += Math.max(0, span.links.length - limits.links);
        span.links.length = Math.min(span.links.length, limits.links);
        for (const link of span.links) apply(link, limits.linkAttributes);
        if (span.endTimeUnixNano / 1000n !== 0n && span.endTimeUnixNano / 1000n < span.startTimeUnixNano / 1000n) {
          span.attributes.push(create(KeyValueSchema, { key: 'tailrace.time_error', value: text('end_before_start') }));
        }
      }
    }
  }
  // What has no spans is in no slice.
  for (const part of result.resourceSpans) part.scopeSpans = part.scopeSpans.filter(({ spans }) => spans.length > 0);
  result.resourceSpans = result.resourceSpans.filter(({ scopeSpans }) => scopeSpans.length > 0);
  return result;
}

/** Some attributes get keys that mean something, with values that look like URLs. */
const withUrls = fc.tuple(tracesData, fc.array(fc.nat(6), { minLength: 8, maxLength: 8 })).map(([message, choices]) => {
  const urls = [
    '/a?q=1&r=%20x#t=4',
    'https://me:secret@host/?a',
    'no query',
    '?=&==',
    `/${'ä'.repeat(20)}?q=1`,
    '',
    '@=',
  ];
  let n = 0;
  for (const { scopeSpans } of message.resourceSpans) {
    for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
      for (const { attributes } of [span, ...span.events, ...span.links]) {
        const choice = choices[n++ % choices.length]!;
        if (attributes[0] && choice < urls.length) {
          attributes[0].key = n % 3 === 0 ? 'url.query' : 'url.full';
          if (n % 4 !== 0) attributes[0].value = text(urls[choice]!);
          if (n % 4 === 1) {
            const values = [text(urls[choice]!), text('')];
            attributes[0].value = create(AnyValueSchema, { value: { case: 'arrayValue', value: { values } } });
          }
        }
      }
    }
  }
  return message;
});

describe('applyRules', () => {
  it.each([
    ['narrow', LIMITS],
    ['wide', WIDE],
  ])('gives what the same rules make of decoded messages, with %s limits', (_, limits) => {
    fc.assert(
      fc.property(withUrls, (message) => {
        const table = scanTraces(toBinary(TracesDataSchema, message));
        applyRules(table, rulesWith(limits).rules);
        expect(fromBinary(TracesDataSchema, written(table))).toEqual(oracle(message, limits));
      }),
      { numRuns: 400 },
    );
  });

  it('leaves bytes alone that no rule is about', () => {
    fc.assert(
      fc.property(tracesData, (message) => {
        // Keys have a limit that is not configured.
        const json = JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
        fc.pre(!/"key":"x{257}/.test(json));
        const bytes = toBinary(TracesDataSchema, message);
        const before = scanTraces(bytes);
        const table = scanTraces(bytes);
        for (let i = 0; i < table.count; i++) before.endUs[i] = table.endUs[i] = 0;
        applyRules(table, rulesWith({ ...WIDE, valueBytes: 1e6 }, () => KEEP, 1e6).rules);
        expect(table.bytes).toBe(bytes);
        expect(Buffer.compare(written(table), written(before))).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  it('never fails on mutated bytes that the scanner accepts, and what it writes is scanned alike', () => {
    let rewritten = 0;
    fc.assert(
      fc.property(
        withUrls,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (message, changes) => {
          const bytes = toBinary(TracesDataSchema, message);
          if (bytes.length === 0) return;
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          let table: SpanTable;
          try {
            table = scanTraces(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtoError);
            return;
          }
          const ids = [...table.goodRows()].map((i) => [
            table.name(i),
            table.startUs[i],
            table.endUs[i],
            table.status[i],
          ]);
          applyRules(table, rulesWith(LIMITS).rules);
          if (table.bytes !== bytes) rewritten++;
          const out = written(table);
          const again = scanTraces(out);
          const good = [...again.goodRows()];
          expect(good.map((i) => [again.name(i), again.startUs[i], again.endUs[i], again.status[i]])).toEqual(ids);
          decodeSpans(out, 'live');
        },
      ),
      { numRuns: 2_000 },
    );
    expect(rewritten).toBeGreaterThan(200);
  });

  const one = (attributes: readonly (readonly [string, string])[]) =>
    toBinary(
      TracesDataSchema,
      create(TracesDataSchema, {
        resourceSpans: [
          {
            scopeSpans: [
              {
                spans: [
                  {
                    traceId: new Uint8Array(16).fill(1),
                    spanId: new Uint8Array(8).fill(2),
                    startTimeUnixNano: 1_790_000_000_000_000_000n,
                    attributes: attributes.map(([key, value]) => ({ key, value: text(value) })),
                  },
                ],
              },
            ],
          },
        ],
      }),
    );
  const spanOf = (table: SpanTable) =>
    fromBinary(TracesDataSchema, written(table)).resourceSpans[0]!.scopeSpans[0]!.spans[0]!;

  it('lets a service have so many keys and no more, and counts what it leaves out', () => {
    const { rules, removed } = rulesWith(WIDE, (key) => (key.startsWith('secret') ? DROP : KEEP), 100);
    let kept = 0;
    let dropped = 0;
    for (let request = 0; request < 50; request++) {
      const table = scanTraces(
        one([...Array.from({ length: 10 }, (_, i) => [`user.${10 * request + i}`, 'x'] as const), ['secret', 'x']]),
      );
      applyRules(table, rules);
      const span = spanOf(table);
      kept += span.attributes.length;
      dropped += span.droppedAttributesCount;
    }
    expect([kept, dropped, Object.fromEntries(removed)]).toEqual([100, 450, { too_many_keys: 400, rule: 50 }]);
    // Known keys go on.
    const table = scanTraces(one([['user.7', 'still here']]));
    applyRules(table, rules);
    expect(spanOf(table).attributes).toHaveLength(1);
  });

  it('tells of a version and an instance what is stored of them', () => {
    const table = scanTraces(
      toBinary(
        TracesDataSchema,
        create(TracesDataSchema, {
          resourceSpans: [
            {
              resource: {
                attributes: ['service.name', 'service.version', 'service.instance.id'].map((key) => ({
                  key,
                  value: text(key),
                })),
              },
            },
          ],
        }),
      ),
    );
    const act = (key: string) => (key === 'service.version' ? DROP : key === 'service.instance.id' ? MASK : KEEP);
    applyRules(table, rulesWith(WIDE, act).rules);
    expect(table.resources[0]).toMatchObject({ service: 'service.name', version: '', instance: 'REDACTED' });
  });

  it('refuses what masks make larger than a request may grow to', () => {
    const url = `?${'=&'.repeat(5_000)}`.replaceAll('=', '=a');
    const spans = Array.from({ length: 8 }, () => one(Array.from({ length: 66 }, () => ['url.full', url])));
    const table = scanTraces(concatBytes(spans), REQUEST_LIMITS);
    expect([table.countGood(), table.bytes.length < MAX_SLICED_BYTES / 2]).toEqual([8, true]);
    expect(() => applyRules(table, rulesWith(WIDE).rules)).toThrow(TooManyError);
  });

  it('finds a key quickly among those that were made to collide', () => {
    const codes = new TextEncoder();
    const keys: string[] = [];
    for (let i = 0; keys.length < 900; i++) {
      const key = `k${i.toString(36).padStart(5, '0')}`;
      let hash = key.length;
      for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
      if (((hash ^ (hash >>> 15)) & 0x7ff) === 7) keys.push(key);
    }
    const known = new KnownKeys(() => KEEP, 1_000).of('shop');
    const act = (key: string) => {
      const bytes = codes.encode(key);
      return known.action(bytes, 0, bytes.length);
    };
    const taken = keys.filter((key) => act(key) === KEEP);
    // Those for which there is no room nearby are too many.
    expect(taken.length).toBeLessThan(keys.length);
    expect(keys.filter((key) => act(key) === KEEP)).toEqual(taken);
    for (let i = 0; i < 400; i++) expect(act(`plain.${i}`)).toBe(KEEP);
  });

  it('rejects what started too long ago or is too far ahead', () => {
    const startUs = 1_790_000_000_000_000;
    const rejection = (fromUs: number, toUs: number) => {
      const table = scanTraces(one([]));
      checkTimes(table, fromUs, toUs);
      return table.rejection(0);
    };
    expect(rejection(startUs, startUs)).toBe(null);
    expect(rejection(startUs + 1, startUs + 2)).toBe('invalid_time');
    expect(rejection(startUs - 2, startUs - 1)).toBe('invalid_time');
  });
});

describe('scrubUrl', () => {
  it.each([
    ['https://shop.example/a?card=4111&ok#token=abc', 'https://shop.example/a?card=REDACTED&ok#token=REDACTED'],
    ['//ann:pw@host/x', '//REDACTED@host/x'],
    ['/a?b=c=d;e', '/a?b=REDACTED'],
    ['/path=x/?y=', '/path=x/?y='],
    ['mailto:a@b', 'mailto:a@b'],
    ['/a;jsessionid=5/b;x=1?c=2', '/a;jsessionid=REDACTED/b;x=REDACTED?c=REDACTED'],
    [' https://ann:pw@host/', ' https://REDACTED@host/'],
    ['https:/ann:pw@host/', 'https:/REDACTED@host/'],
    ['https:\\\\ann:pw@host', 'https:\\\\REDACTED@host'],
    ['/proxy/https://ann:pw@host/x', '/proxy/https://REDACTED@host/x'],
    ['https://host//@scope/name@1', 'https://host//@scope/name@1'],
  ])('%s', (url, want) => {
    expect(scrubUrl(url)).toBe(want);
    expect(scrubUrl(want)).toBe(want);
  });
});
