import { expect, it } from 'vitest';
import { MAX_CACHED_BYTES, MAX_CACHED_TRACE_BYTES } from '../../model/limits.ts';
import { TraceCache } from '../../worker/query/trace-cache.ts';
import { seededRandom } from '../kit/random.ts';

const MIB = 1024 * 1024;

it('gives up what was not used for longest', () => {
  const cache = new TraceCache<string>();
  for (let i = 0; i < 5; i++) cache.put(`${i}`, 'v', `trace ${i}`, 3 * MIB);
  expect(cache.get('0')?.trace).toBe('trace 0');
  cache.put('5', 'v', 'trace 5', 3 * MIB);
  expect([0, 1, 2, 3, 4, 5].filter((i) => cache.get(`${i}`) !== undefined)).toEqual([0, 2, 3, 4, 5]);
});

it('holds nothing of a trace that is too large, and no body that would make it so', () => {
  const cache = new TraceCache<string>();
  cache.put('a', 'v', 'small', 100);
  cache.put('a', 'w', 'large', MAX_CACHED_TRACE_BYTES);
  expect(cache.get('a')).toBeUndefined();
  expect(cache.bytes).toBe(0);
  cache.put('b', 'v', 'small', 100);
  cache.putBody('b', 'v', 'json', new Uint8Array(MAX_CACHED_TRACE_BYTES));
  expect(cache.body('b', 'v', 'json')).toBeUndefined();
});

it('has bodies of the version that is held, and of no other', () => {
  const cache = new TraceCache<string>();
  const body = new Uint8Array(10);
  cache.putBody('a', 'v', 'json', body);
  cache.put('a', 'v', 'one', 100);
  cache.putBody('a', 'w', 'json', body);
  expect(cache.body('a', 'v', 'json')).toBeUndefined();
  cache.putBody('a', 'v', 'json', body);
  expect(cache.body('a', 'v', 'json')).toBe(body);
  cache.put('a', 'w', 'other', 100);
  expect([cache.body('a', 'v', 'json'), cache.body('a', 'w', 'json')]).toEqual([undefined, undefined]);
});

it('stays within its bytes, and forgets them with what they are of', () => {
  const random = seededRandom(6);
  const cache = new TraceCache<string>();
  const id = () => `${Math.floor(random() * 40)}`;
  const version = () => `v${Math.floor(random() * 2)}`;
  for (let i = 0; i < 20_000; i++) {
    const what = random();
    if (what < 0.4) cache.put(id(), version(), 'trace', Math.floor(random() * 2 * MIB));
    else if (what < 0.9) cache.putBody(id(), version(), `${i % 4}`, new Uint8Array(Math.floor(random() * 100_000)));
    else cache.remove(id());
    expect(cache.bytes).toBeLessThanOrEqual(MAX_CACHED_BYTES);
    const held = Array.from({ length: 40 }, (_, n) => cache.get(`${n}`)?.bytes ?? 0).reduce(
      (sum, each) => sum + each,
      0,
    );
    expect(cache.bytes).toBe(held);
  }
  for (let n = 0; n < 40; n++) cache.remove(`${n}`);
  expect(cache.bytes).toBe(0);
});
