/** A client that goes from page to page while traces arrive, change, are decided, stored and erased. */

import { abortAllDurableObjects, runDurableObjectAlarm } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { decodeSpans } from '../../model/otlp/decode.ts';
import { SEARCH_ORDERS, type SearchOrder } from '../../model/query/conditions.ts';
import { matchesSearch } from '../../model/query/matches-search.ts';
import { parseQuery } from '../../model/query/parse-query.ts';
import type { Trace, TraceList } from '../../model/span.ts';
import { pickSeed, seededRandom } from '../kit/random.ts';
import { otlp, TEST_START_US, type TestSpan, traceId } from '../kit/spans.ts';

const HOUR_US = 3_600_000_000;
const LINES = [
  '',
  'service=web',
  'service=web operation=work',
  'status=error',
  'duration>=3ms',
  'duration<4ms test.id=2',
  'test.id>=3',
  'root.test.id=1 status=ok',
  'root.operation=GET resource.service.name=shop',
];

const READ = { headers: { authorization: 'Bearer test-read-key' } };

function call(path: string, init: RequestInit = READ): Promise<Response> {
  return exports.default.fetch(new Request(`https://edge.test${path}`, init));
}

async function decideAndStore(): Promise<void> {
  for (let i = 0; i < 4; i++) await runDurableObjectAlarm(env.TRACE_SHARD.getByName(`shard-${i}`));
}

/** Everything that happens to traces in one run, and what is known of it. */
class World {
  private readonly random: () => number;
  private readonly startUs: number;
  private readonly first: number;
  readonly spans = new Map<string, TestSpan[]>();
  /** Some spans of theirs may have come after the rest was decided, and not be stored yet: either half may be what is found. */
  readonly split = new Set<string>();
  readonly erased = new Set<string>();

  constructor(run: number, random: () => number) {
    this.random = random;
    this.startUs = TEST_START_US + (100 + 2 * run) * HOUR_US;
    this.first = 1_000_000 + run * 1_000;
  }

  get range(): { startUs: number; endUs: number } {
    return { startUs: this.startUs, endUs: this.startUs + 80 };
  }

  pick<T>(of: readonly T[]): T {
    return of[Math.floor(this.random() * of.length)]!;
  }

  async arrive(): Promise<void> {
    const spans = Array.from({ length: 3 }, () => {
      const id = traceId(this.first + this.spans.size, this.random() < 0.7);
      this.spans.set(id, []);
      return this.make(id, this.random() < 0.6);
    });
    await this.send(spans.flat());
  }

  async change(): Promise<void> {
    const ids = [...this.spans.keys()].filter((id) => !this.erased.has(id));
    if (ids.length > 0) await this.send(this.make(this.pick(ids), this.random() < 0.3));
  }

  async decide(): Promise<void> {
    await decideAndStore();
    this.split.clear();
  }

  async erase(): Promise<void> {
    if (this.spans.size === 0) return;
    const id = this.pick([...this.spans.keys()]);
    const headers = { authorization: 'Bearer test-admin-key' };
    expect((await call(`/api/traces/${id}`, { method: 'DELETE', headers })).status).toBe(204);
    this.erased.add(id);
  }

  matches(line: string): Set<string> {
    const found = new Set<string>();
    for (const [id, sent] of this.spans) {
      if (this.erased.has(id)) continue;
      const spans = decodeSpans(otlp(sent), 'live');
      const startUs = Math.min(...spans.map((span) => span.startUs));
      const endUs = Math.max(...spans.map((span) => span.startUs + span.durationUs!));
      const status = spans.some((span) => span.status.code === 'error') ? ('error' as const) : ('ok' as const);
      const facts = { startUs, durationUs: endUs - startUs, status };
      if (matchesSearch(facts, spans, { ...parseQuery(line), ...this.range })) found.add(id);
    }
    return found;
  }

  /** More spans of a trace. */
  private make(id: string, hasRoot: boolean): TestSpan[] {
    const known = this.spans.get(id)!;
    const isRootThere = known.some(({ parent }) => parent === undefined);
    const spans = Array.from({ length: 1 + Math.floor(this.random() * 3) }, (_, i): TestSpan => {
      const isRoot = hasRoot && i === 0 && !isRootThere;
      return {
        traceId: id,
        id: isRoot ? 1 : known.length + i + 2,
        ...(isRoot ? {} : { parent: 1 }),
        service: this.pick(['web', 'shop']),
        name: isRoot ? 'GET' : 'work',
        // Some before and behind the range.
        startUs: this.startUs - 10 + Math.floor(this.random() * 100),
        durationUs: 1 + Math.floor(this.random() * 5_000),
        error: this.random() < 0.15,
      };
    });
    known.push(...spans);
    // A trace may be decided as soon as its root has ended: by alarms, and by what is appended.
    if (isRootThere) this.split.add(id);
    return spans;
  }

  private async send(spans: readonly TestSpan[]): Promise<void> {
    const response = await call('/v1/traces', {
      method: 'POST',
      headers: { authorization: 'Bearer test-ingest-key', 'content-type': 'application/x-protobuf' },
      body: otlp(spans).slice(),
    });
    expect(response.status).toBe(200);
  }
}

async function nextPage(line: string, order: SearchOrder, world: World, limit: number, cursor: string | null) {
  const range = { start: String(world.range.startUs), end: String(world.range.endUs) };
  const params = { q: line, order, limit: String(limit), ...(cursor === null ? range : { cursor }) };
  const response = await call(`/api/traces?${new URLSearchParams(params)}`);
  expect([response.status, response.ok ? '' : await response.clone().text()]).toEqual([200, '']);
  return response.json<TraceList>();
}

async function isGone(id: string): Promise<boolean> {
  const response = await call(`/api/traces/${id}`);
  return response.status === 404 || (await response.json<Trace>()).state === 'dropped';
}

it('shows each trace that matched at its first page and was not dropped exactly once', async () => {
  const seed = pickSeed(undefined);
  const random = seededRandom(seed);
  let shownInAll = 0;
  let pagesInAll = 0;
  for (let run = 0; run < 7; run++) {
    const world = new World(run, random);
    const order = world.pick(SEARCH_ORDERS);
    const line = world.pick(LINES);
    const happen = async (times: number, aborts = true) => {
      for (let i = 0; i < times; i++) {
        const dice = random();
        if (dice < 0.4) await world.arrive();
        else if (dice < 0.75) await world.change();
        else if (dice < 0.92) await world.decide();
        else if (dice < 0.98) await world.erase();
        else if (aborts) await abortAllDurableObjects();
      }
    };
    await happen(30);
    const matched = world.matches(line);
    const there = new Set(world.spans.keys());
    const unsure = new Set(world.split);
    const shown: string[] = [];
    let pages = 0;
    let cursor: string | null = null;
    do {
      const limit = 1 + Math.floor(random() * 4);
      const asked: Promise<TraceList> = nextPage(line, order, world, limit, cursor);
      // What happens while the first page is made may be on it or not.
      if (pages > 0) await happen(Math.floor(random() * 3), false);
      const page = await asked;
      expect(page.complete).toBe(true);
      shown.push(...page.traces.map((trace) => trace.traceId));
      cursor = page.cursor;
      // Late spans may bring back what was dropped before.
      if (pages++ === 0) for (const id of matched) if (await isGone(id)) unsure.add(id);
      await happen(Math.floor(random() * 6));
    } while (cursor !== null);
    const told = `seed ${seed} run ${run} ${order} ${line}`;
    expect([told, new Set(shown).size]).toEqual([told, shown.length]);
    // What changes may come to match, what is new is left out.
    expect([told, shown.filter((id) => !there.has(id))]).toEqual([told, []]);
    const missing = [...matched].filter((id) => !shown.includes(id) && !unsure.has(id));
    for (const id of missing) expect([told, id, await isGone(id)]).toEqual([told, id, true]);
    shownInAll += shown.length;
    pagesInAll += pages;
  }
  expect(shownInAll).toBeGreaterThan(30);
  expect(pagesInAll).toBeGreaterThan(12);
});
