import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClaim, DRAIN, EXIT } from '../../../client/recorder/claim.ts';
import { createMemory, HEADER_BYTES, headerOf, WORD_CLAIM, WORD_HEAD } from '../../../client/recorder/memory.ts';
import { createRing, type Priority, type Ring } from '../../../client/recorder/ring.ts';

/** A record of two words and a body: its number, then bytes of that number. */
function push(ring: Ring, number: number, bodyBytes: number, priority: Priority = 'error'): boolean {
  const words = Int32Array.of(0, number, ...new Int32Array(Math.ceil(bodyBytes / 4)));
  new Uint8Array(words.buffer).fill(number, 8, 8 + bodyBytes);
  return ring.push(words, 8 + bodyBytes, priority);
}

/** The numbers of the records from `position`, with their bodies checked, and the position after them. */
function readAll(ring: Ring, position: number, maxBytes = 2 ** 31): { numbers: number[]; end: number } {
  const numbers: number[] = [];
  const end = ring.read(position, maxBytes, (index) => {
    const number = ring.words[index + 1]!;
    const body = ring.bytes.subarray((index + 2) * 4, index * 4 + ring.words[index]! - 3);
    expect(body.every((byte) => byte === (number & 0xff))).toBe(true);
    numbers.push(number);
  });
  return { numbers, end };
}

describe('the ring', () => {
  it('gives back what was pushed, in order, through every wrap of place and position', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.array(fc.tuple(fc.nat(60), fc.nat(4)), { minLength: 1, maxLength: 300 }),
        (startPosition, steps) => {
          const buffer = createMemory(false, 256, 0);
          // Positions wrap at 2^32: begin anywhere, on a word.
          const start = startPosition & ~3;
          headerOf(buffer)[WORD_HEAD] = start;
          headerOf(buffer)[WORD_CLAIM] = start;
          const ring = createRing(buffer);
          const claim = createClaim(buffer, DRAIN);
          expect(claim.check()).toBe(true);
          const pending: number[] = [];
          for (const [number, [bodyBytes, toRelease]] of steps.entries()) {
            if (push(ring, number, bodyBytes)) pending.push(number);
            expect(ring.usedBytes).toBeLessThanOrEqual(256);
            expect(readAll(ring, claim.position).numbers).toEqual(pending);
            for (let i = 0; i < toRelease && pending.length > 0; i++) {
              const { numbers, end } = readAll(ring, claim.position, 1);
              expect(numbers).toEqual([pending.shift()]);
              expect(claim.release(end)).toBe(true);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('writes nothing outside of itself', () => {
    const buffer = createMemory(false, 256, 64);
    const ring = createRing(buffer);
    const canary = new Uint8Array(buffer, HEADER_BYTES + 256).fill(0xab);
    const header = headerOf(buffer).slice();
    const claim = createClaim(buffer, DRAIN);
    claim.check();
    for (let i = 0; i < 500; i++) {
      while (push(ring, i, i % 50));
      claim.release(readAll(ring, claim.position).end);
    }
    expect(canary.every((byte) => byte === 0xab)).toBe(true);
    for (const [word, value] of header.entries()) {
      if (word !== WORD_HEAD && word !== WORD_CLAIM && word !== WORD_CLAIM + 1)
        expect(headerOf(buffer)[word]).toBe(value);
    }
  });

  it('keeps room for slow spans, and more for errors', () => {
    const ring = createRing(createMemory(false, 1024, 0));
    const fill = (priority: Priority) => {
      while (push(ring, 1, 0, priority));
      return ring.usedBytes / 1024;
    };
    expect(fill('normal')).toBeCloseTo(0.7, 1);
    expect(fill('slow')).toBeCloseTo(0.9, 1);
    expect(fill('error')).toBe(1);
  });

  it('is not mistaken for other memory', () => {
    expect(() => createRing(new ArrayBuffer(4096))).toThrow('not a recorder');
  });
});

describe('the claim', () => {
  it('lets one consumer release, and the other notice', () => {
    const buffer = createMemory(false, 256, 0);
    const drain = createClaim(buffer, DRAIN);
    const exit = createClaim(buffer, EXIT);
    expect([drain.check(), exit.check()]).toEqual([true, false]);
    expect(drain.release(8)).toBe(true);
    exit.take();
    expect([drain.holds(), exit.holds(), exit.position]).toEqual([false, true, 8]);
    expect([drain.release(16), exit.position]).toEqual([false, 8]);
    expect(exit.release(24)).toBe(true);
    exit.give(DRAIN);
    expect([exit.holds(), exit.release(32), drain.holds()]).toEqual([false, false, false]);
    expect([drain.check(), drain.position, drain.release(40)]).toEqual([true, 24, true]);
  });

  it('notices that the role was away, even when it is back at the same place', () => {
    const buffer = createMemory(false, 256, 0);
    const drain = createClaim(buffer, DRAIN);
    const exit = createClaim(buffer, EXIT);
    drain.check();
    exit.take();
    exit.give(DRAIN);
    expect([drain.holds(), drain.release(8)]).toEqual([false, false]);
  });

  it('keeps positions beyond 2^31', () => {
    const drain = createClaim(createMemory(false, 256, 0), DRAIN);
    drain.check();
    for (const position of [2 ** 31 - 4, -(2 ** 31), -4, 0]) {
      expect([drain.release(position), drain.position]).toEqual([true, position]);
    }
  });
});

describe('between threads', () => {
  it('delivers everything in order, while the role goes back and forth', { timeout: 60_000 }, async () => {
    const COUNT = 50_000;
    const buffer = createMemory(true, 4096, 0) as SharedArrayBuffer;
    const consumer = new Worker(new URL('./ring-consumer.ts', import.meta.url), { workerData: { buffer } });
    const ring = createRing(buffer);
    const exit = createClaim(buffer, EXIT);
    const here: number[] = [];
    for (let number = 0; number < COUNT; ) {
      if (push(ring, number, number % 40)) number++;
      if (number % 1000 !== 0) continue;
      exit.take();
      const { numbers, end } = readAll(ring, exit.position);
      here.push(...numbers);
      expect(exit.release(end)).toBe(true);
      exit.give(DRAIN);
    }
    consumer.postMessage('done');
    const [there] = (await once(consumer, 'message')) as [number[]];
    // Each of the two released what it read and nothing else, so together they have everything once.
    expect(there.length + here.length).toBe(COUNT);
    expect([...there, ...here].sort((a, b) => a - b)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
    for (const numbers of [there, here]) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    await consumer.terminate();
  });
});
