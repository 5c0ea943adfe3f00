import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeFrames, decodeSpans } from '../../../model/otlp/decode.ts';
import { type ResourceSpansSchema, TracesDataSchema } from '../../../model/otlp/gen/trace_pb.js';
import { tracesData } from './arbitrary.ts';
import { referenceSpans } from './reference-decode.ts';

it('finds the spans that protobuf-es finds', () => {
  fc.assert(
    fc.property(tracesData, fc.constantFrom('live', 'kept' as const), fc.nat(3), (message, state, before) => {
      // At any offset of a larger buffer.
      const encoded = toBinary(TracesDataSchema, message);
      const bytes = new Uint8Array(before + encoded.length).subarray(before);
      bytes.set(encoded);
      expect(decodeSpans(bytes, state)).toStrictEqual(referenceSpans(bytes, state));
    }),
    { numRuns: 2_000 },
  );
});

it('leaves out attributes where they are not wanted, and nothing else', () => {
  fc.assert(
    fc.property(tracesData, (message) => {
      const bytes = toBinary(TracesDataSchema, message);
      const without = <T extends object>(owner: T) => ({ ...owner, attributes: {} });
      const expected = referenceSpans(bytes, 'live').map((span) => ({
        ...without(span),
        events: span.events.map(without),
        links: span.links.map(without),
      }));
      expect(decodeFrames(bytes, 'live')).toStrictEqual(expected);
    }),
    { numRuns: 300 },
  );
});

it('finds a resource and a scope that stand behind their spans', () => {
  const attributes = [{ key: 'a', value: text('resource') }];
  const body = [
    ...within(encode({ scopeSpans: [{ spans: [{ spanId: new Uint8Array(8), name: 'one' }] }] })),
    ...within(encode({ resource: { attributes } })),
  ];
  const scoped = [
    ...within(within(encode({ scopeSpans: [{ spans: [{ name: 'two', attributes }] }] }))),
    ...within(within(encode({ scopeSpans: [{ scope: { name: 'lib', version: '1' } }] }))),
  ];
  const bytes = Uint8Array.from([...wrap(0x0a, body), ...wrap(0x0a, wrap(0x12, scoped))]);
  const spans = decodeSpans(bytes, 'kept');
  expect(spans).toStrictEqual(referenceSpans(bytes, 'kept'));
  expect(spans.map(({ name, resource, scope }) => [name, resource.attributes.a, scope.name])).toEqual([
    ['one', 'resource', ''],
    ['two', undefined, 'lib'],
  ]);
});

it('takes a message that comes several times as one', () => {
  const resources = [{ a: 'first', b: 'first' }, { b: 'second' }].map((each) => ({
    resource: { attributes: Object.entries(each).map(([key, value]) => ({ key, value: text(value) })) },
  }));
  const scopes = [{ scope: { name: 'lib' } }, { scope: { version: '1' } }, { spans: [{ name: 'one' }] }];
  const body = [
    ...resources.flatMap((each) => [...within(encode(each))]),
    ...wrap(
      0x12,
      scopes.flatMap((each) => [...within(within(encode({ scopeSpans: [each] })))]),
    ),
  ];
  const bytes = Uint8Array.from(wrap(0x0a, body));
  const spans = decodeSpans(bytes, 'kept');
  expect(spans).toStrictEqual(referenceSpans(bytes, 'kept'));
  expect(spans[0]!.resource.attributes).toEqual({ a: 'first', b: 'second' });
  expect(spans[0]!.scope).toEqual({ name: 'lib', version: '1' });
});

it('takes ids of links as they are, however long', () => {
  const ids = [0, 1, 8, 16, 17, 300_000].map((length) => new Uint8Array(length).fill(0xa7));
  const links = ids.map((id) => ({ traceId: id, spanId: id }));
  const bytes = encode({ scopeSpans: [{ spans: [{ name: 'one', links }] }] });
  expect(decodeSpans(bytes, 'kept')).toStrictEqual(referenceSpans(bytes, 'kept'));
});

it('takes texts for equal only if they are', () => {
  const long = 'x'.repeat(64);
  const texts = ['', 'a', 'b', long, `${long}y`, `${long}z`, 'é', '\ufeffbom', '__proto__', 'a'];
  for (let i = 0; i < 20_000; i++) texts.push(`${i % 3}-${i}`, String.fromCharCode(97 + (i % 26)).repeat(i % 70));
  const attributes = texts.map((key) => ({ key, value: text(`${key}.`) }));
  const bytes = encode({ resource: { attributes }, scopeSpans: [{ spans: [{ name: 'one' }] }] });
  expect(decodeSpans(bytes, 'kept')).toStrictEqual(referenceSpans(bytes, 'kept'));
});

type ResourceSpansInit = MessageInitShape<typeof ResourceSpansSchema>;

function encode(resourceSpans: ResourceSpansInit): Uint8Array {
  return toBinary(TracesDataSchema, create(TracesDataSchema, { resourceSpans: [resourceSpans] }));
}

function text(value: string) {
  return { value: { case: 'stringValue' as const, value } };
}

/** What the one field of a message holds. */
function within(message: Uint8Array): Uint8Array {
  let at = 1;
  while (message[at]! > 0x7f) at++;
  return message.subarray(at + 1);
}

/** A message with one field. */
function wrap(tag: number, body: readonly number[]): number[] {
  return body.length < 0x80
    ? [tag, body.length, ...body]
    : [tag, (body.length & 0x7f) | 0x80, body.length >>> 7, ...body];
}
