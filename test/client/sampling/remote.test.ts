import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { headSampling } from '../../../client/sampling/head-sampling.ts';
import { listening } from '../../../client/sampling/listening.ts';
import { createRemote, type Remote } from '../../../client/sampling/remote.ts';
import type { Sampling } from '../../../client/sampling/sampler.ts';
import { formatDirectives, NO_SDK_CONFIG, parseDirectives, type SdkConfig } from '../../../model/sdk-config.ts';
import { Recording } from './recording.ts';

const LOCAL = headSampling(0.5);

/** A page's remote half, with an edge that has `config`. */
class Page {
  config: SdkConfig = NO_SDK_CONFIG;
  /** What the browser still has of it. */
  cached: SdkConfig | null = null;
  isAway = false;
  /** What it answers instead, whatever it has. */
  answer: unknown;
  readonly asked: string[] = [];
  applied: Sampling | null | undefined;
  readonly remote: Remote = createRemote({
    url: 'https://edge.test/v1/config?key=k',
    fetch: async (_, { cache }) => {
      this.asked.push(cache!);
      if (this.isAway) throw new TypeError('Failed to fetch');
      if (this.answer !== undefined) return Response.json(this.answer);
      const answer = cache === 'default' ? (this.cached ?? this.config) : this.config;
      this.cached = answer;
      return Response.json(answer);
    },
    local: LOCAL,
    apply: (sampling) => {
      this.applied = sampling;
    },
  });

  /** An answer of the edge comes, and whatever that leads to. */
  async hear(stopped: readonly string[] = []): Promise<void> {
    this.remote.hear(formatDirectives({ config: this.config.version, timeMs: null, stopped }), 0);
    await vi.advanceTimersByTimeAsync(0);
  }

  /** The share of traces of that name that is recorded now. */
  share(name: string): number {
    const recording = new Recording(this.applied!);
    for (let i = 0; i < 400; i++) recording.tracer.startSpan(name, { parent: null }).end();
    return recording.ended.length / 400;
  }
}

let page: Page;

beforeEach(() => {
  vi.useFakeTimers();
  page = new Page();
});
afterEach(() => {
  page.remote.close();
  vi.useRealTimers();
});

describe('what the edge says', () => {
  it('is not asked for where it says nothing', async () => {
    await page.hear();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([page.asked, page.applied]).toEqual([[], undefined]);
  });

  it('holds for what starts after it, route by route', async () => {
    page.config = { version: '00000001', sampleRate: 0, routes: [{ name: 'GET /a*', sampleRate: 1 }], paused: false };
    await page.hear();
    expect([page.asked, page.share('GET /abc'), page.share('GET /b')]).toEqual([['default'], 1, 0]);
    page.config = { version: '00000002', routes: [{ name: 'GET /a', sampleRate: 0 }], paused: false };
    await vi.advanceTimersByTimeAsync(5_000);
    await page.hear();
    // The browser had a copy of the first one.
    expect([page.asked.slice(1), page.share('GET /a'), page.share('GET /b')]).toEqual([['default', 'no-cache'], 0, 1]);
    page.config = NO_SDK_CONFIG;
    await vi.advanceTimersByTimeAsync(5_000);
    await page.hear();
    expect(page.applied).toBe(LOCAL);
  });

  it('is found out while the page is paused and hears nothing', async () => {
    page.config = { version: '00000001', routes: [], paused: true };
    await page.hear();
    expect(page.share('x')).toBe(0);
    page.config = { ...NO_SDK_CONFIG, version: '00000002' };
    page.isAway = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.share('x')).toBe(0);
    page.isAway = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(page.applied).toBe(LOCAL);
  });

  it('ends a boost when the edge’s clock says so', async () => {
    const untilMs = Date.now() + 600_000;
    page.config = { version: '00000001', sampleRate: 0, routes: [], paused: false, boost: { sampleRate: 1, untilMs } };
    // The page's clock is a minute behind.
    page.remote.hear('config=00000001', 60_000);
    await vi.advanceTimersByTimeAsync(0);
    expect(page.share('x')).toBe(1);
    await vi.advanceTimersByTimeAsync(539_000);
    expect(page.share('x')).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(page.share('x')).toBe(0);
  });

  it('stops a trace, and no other', async () => {
    const recording = new Recording(LOCAL);
    const root = recording.tracer.startSpan('root', {
      parent: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1 },
    });
    await page.hear([root.context.traceId]);
    const after = new Recording(page.applied!);
    expect(after.tracer.startSpan('child', { parent: root }).isDropped).toBe(true);
    const other = { traceId: 'c'.repeat(32), spanId: 'b'.repeat(16), flags: 1 };
    expect(after.tracer.startSpan('other', { parent: other }).isDropped).toBe(false);
    root.end();
    expect(recording.sent).toEqual(['root+']);
    for (let i = 0; i < 200; i++) await page.hear([i.toString(16).padStart(32, 'd')]);
    const late = new Recording(page.applied!);
    expect(late.tracer.startSpan('child', { parent: root }).isDropped).toBe(false);
  });

  it('is not asked for at every answer where isolates disagree', async () => {
    for (let i = 0; i < 40; i++) {
      page.config = { version: `0000000${1 + (i % 2)}`, routes: [], paused: false };
      await page.hear();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(page.asked.length).toBeLessThanOrEqual(2);
  });

  it('does nothing after it was closed', async () => {
    page.remote.close();
    page.config = { version: '00000001', routes: [], paused: true };
    await page.hear();
    expect(page.applied).toBe(undefined);
  });

  it.each([
    null,
    'paused',
    { version: '00000001' },
    { version: '00000001', routes: [null], paused: false },
    { version: '00000001', routes: [{ name: 'a' }], paused: false },
    { version: '00000001', routes: [], paused: 'no' },
    { version: '00000001', routes: [], paused: false, sampleRate: 2 },
    { version: '00000001', routes: [], paused: false, sampleRate: '0.5' },
    { version: '00000001', routes: [], paused: false, boost: null },
    { version: '00000001', routes: [], paused: false, boost: { sampleRate: Number.NaN, untilMs: 1e15 } },
  ])('changes nothing where it is not what an edge says: %j', async (answer) => {
    page.answer = answer;
    page.remote.hear('config=00000001', 0);
    await vi.advanceTimersByTimeAsync(0);
    page.remote.hear('nonsense; config=zz, stop=1, time=x', 0);
    expect([page.asked, page.applied]).toEqual([['default', 'no-cache'], undefined]);
    // And what comes after it is heard.
    await vi.advanceTimersByTimeAsync(5_000);
    page.answer = undefined;
    page.config = { version: '00000001', routes: [], paused: true };
    await page.hear();
    expect(page.share('x')).toBe(0);
  });
});

describe('directives', () => {
  it('come back as they were written, whatever is missing', () => {
    const hex = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
    fc.assert(
      fc.property(
        fc.option(hex(8)),
        fc.option(fc.nat({ max: 1e14 })),
        fc.array(hex(32), { maxLength: 16 }),
        (config, timeMs, stopped) => {
          const directives = { config, timeMs, stopped };
          expect(parseDirectives(formatDirectives(directives))).toEqual(directives);
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => void parseDirectives(text)));
    expect(parseDirectives(null)).toEqual({ config: null, timeMs: null, stopped: [] });
  });
});

describe('listening', () => {
  it('finds how far the clock is off, within half the time of the shortest answer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -1e10, max: 1e10 }),
        fc.array(fc.tuple(fc.nat({ max: 900 }), fc.nat({ max: 900 })), { minLength: 1, maxLength: 20 }),
        async (offMs, ways) => {
          let edgeMs = 1_790_000_000_000;
          const told: (string | null)[] = [];
          let heard = Number.NaN;
          let way = ways[0]!;
          const fetch = listening(
            async (url) => {
              told.push(new URL(url).searchParams.get('offset'));
              edgeMs += way[0];
              const headers = { 'tailrace-directives': `time=${edgeMs}` };
              edgeMs += way[1];
              return new Response(null, { headers });
            },
            (_, offsetMs) => {
              heard = offsetMs;
            },
            () => edgeMs - offMs,
          );
          let shortest = Number.POSITIVE_INFINITY;
          for (way of ways) {
            await fetch('https://edge.test/v1/batch?key=k', {});
            shortest = Math.min(shortest, way[0] + way[1]);
            expect(Math.abs(heard - offMs)).toBeLessThanOrEqual(shortest / 2);
          }
          expect(told[0]).toBe(null);
          for (const offset of told.slice(1)) expect(Math.abs(Number(offset) - offMs)).toBeLessThanOrEqual(901);
        },
      ),
    );
  });

  it('tells it to any address, with a query and without', async () => {
    const asked: string[] = [];
    const fetch = listening(
      async (url) => {
        asked.push(url);
        return new Response(null, { headers: { 'tailrace-directives': 'time=1010' } });
      },
      () => {},
      () => 1_000,
    );
    for (const path of ['v1/batch?key=k', 'v1/batch?key=k', 'v1/traces']) await fetch(`https://e.test/${path}`, {});
    expect(asked.slice(1)).toEqual(['https://e.test/v1/batch?key=k&offset=10', 'https://e.test/v1/traces?offset=10']);
  });

  it('follows a clock that is set', async () => {
    let nowMs = 1_000_000;
    let waitMs = 10;
    let edgeMs = 5_000_000;
    let heard = 0;
    const fetch = listening(
      async () => {
        nowMs += waitMs;
        edgeMs += waitMs;
        return new Response(null, { headers: { 'tailrace-directives': `time=${edgeMs}` } });
      },
      (_, offsetMs) => {
        heard = offsetMs;
      },
      () => nowMs,
    );
    await fetch('https://e.test/?', {});
    expect(heard).toBe(4_000_005);
    // A slower answer is believed only when the better one is old.
    waitMs = 100;
    await fetch('https://e.test/?', {});
    expect(heard).toBe(4_000_005);
    nowMs += 61_000;
    await fetch('https://e.test/?', {});
    expect(heard).toBe(5_000_210 - 1_061_160);
    // Set back.
    nowMs = 0;
    edgeMs = 9_000_000;
    await fetch('https://e.test/?', {});
    expect(heard).toBe(9_000_050);
  });
});
