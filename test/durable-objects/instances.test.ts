import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { Instances } from '../../durable-objects/instances.ts';
import type { Sighting } from '../../durable-objects/protocol.ts';
import {
  INSTANCE_KEEP_MS,
  LIVE_MS,
  MAX_INSTANCES,
  MAX_INSTANCES_PER_SERVICE,
  MAX_SERVICES,
  MAX_VERSIONS_PER_SERVICE,
} from '../../model/limits.ts';

const T0 = 1_790_000_000_000;
const seen = (atMs: number, instance = 'a', version = '1', service = 'shop'): Sighting => ({
  service,
  version,
  instance,
  atMs,
});
const us = (ms: number) => ms * 1000;

const SOME = { instance: '', version: '1', atMs: T0 };

/** Gives the storage of an object of its own to Instances, as often as there is a restart. */
let next = 0;
function inObject(work: (start: () => Instances, sql: SqlStorage) => void): Promise<void> {
  return runInDurableObject(env.LEDGER.getByName(`instances-${next++}`), (_, { storage }) =>
    work(() => new Instances(storage.sql), storage.sql),
  );
}

it('knows services, versions and instances from the first to the last time, over a restart', () =>
  inObject((start) => {
    const before = start();
    before.see([seen(T0)], T0);
    before.see([seen(T0 + 70_000, 'b', '2')], T0 + 70_000);
    for (const instances of [before, start()]) {
      expect(instances.list(T0 + 71_000)).toEqual([
        {
          name: 'shop',
          firstSeenUs: us(T0),
          lastSeenUs: us(T0 + 70_000),
          versions: [
            { version: '2', firstSeenUs: us(T0 + 70_000), lastSeenUs: us(T0 + 70_000) },
            { version: '1', firstSeenUs: us(T0), lastSeenUs: us(T0) },
          ],
          instances: 2,
          otherInstances: 0,
          live: true,
        },
      ]);
      expect(instances.listInstances('shop', T0 + 71_000)).toEqual([
        { instance: 'b', version: '2', firstSeenUs: us(T0 + 70_000), lastSeenUs: us(T0 + 70_000), live: true },
        { instance: 'a', version: '1', firstSeenUs: us(T0), lastSeenUs: us(T0), live: true },
      ]);
    }
    expect(start().listInstances('other', T0)).toEqual([]);
  }));

it('is live for some minutes after it was seen, and forgets an instance after a day', () =>
  inObject((start) => {
    const instances = start();
    instances.see([seen(T0)], T0);
    const at = (ms: number) => [
      instances.list(ms)[0]!.live,
      instances.listInstances('shop', ms).map(({ live }) => live),
    ];
    expect(at(T0 + LIVE_MS - 1)).toEqual([true, [true]]);
    expect(at(T0 + LIVE_MS)).toEqual([false, [false]]);
    expect(at(T0 + INSTANCE_KEEP_MS)).toEqual([false, []]);
    // A clock that is ahead keeps nobody alive.
    instances.see([seen(T0 + 10 * LIVE_MS)], T0);
    expect(at(T0 + LIVE_MS)).toEqual([false, [false]]);
  }));

it('removes who says goodbye, at once and over a restart, though spans still come in', () =>
  inObject((start) => {
    const before = start();
    before.hello(seen(T0), T0);
    before.hello(seen(T0, 'b'), T0);
    before.goodbye(seen(T0), T0 + 1_000);
    before.see([seen(T0 + 2_000)], T0 + 10_000);
    const after = start();
    expect(after.listInstances('shop', T0 + 10_000).map(({ instance }) => instance)).toEqual(['b']);
    expect(after.list(T0 + 10_000)[0]).toMatchObject({ live: true, instances: 1 });
    after.goodbye(seen(T0, 'b'), T0 + 11_000);
    expect(after.list(T0 + 11_001)[0]).toMatchObject({ live: false, instances: 0 });
    after.hello(seen(T0, 'b'), T0 + 12_000);
    expect(start().list(T0 + 12_001)[0]).toMatchObject({ live: true, instances: 1 });
    // One that goes on though it said goodbye is there again.
    after.see([seen(T0 + 60_000)], T0 + 60_000);
    expect(after.listInstances('shop', T0 + 60_000)).toHaveLength(2);
    after.goodbye(seen(T0, 'nobody'), T0 + 61_000);
  }));

it('writes a row when something is new, and one a minute otherwise', () =>
  inObject((start, sql) => {
    const instances = start();
    const written = (work: () => void) => {
      const changes = () => sql.exec<{ n: number }>('SELECT total_changes() AS n').one().n;
      const before = changes();
      work();
      return changes() - before;
    };
    expect(written(() => instances.see([seen(T0), seen(T0, 'b')], T0))).toBe(1);
    expect(written(() => instances.see([seen(T0 + 10_000), seen(T0 + 10_000, 'b')], T0 + 10_000))).toBe(0);
    expect(written(() => instances.see([seen(T0 + 20_000, 'c')], T0 + 20_000))).toBe(1);
    expect(written(() => instances.see([seen(T0 + 79_999)], T0 + 79_999))).toBe(0);
    expect(written(() => instances.see([seen(T0 + 80_000)], T0 + 80_000))).toBe(1);
  }));

it('is bounded, and makes room where somebody has not been seen for a day', () =>
  inObject((start) => {
    const instances = start();
    const many = Array.from({ length: MAX_INSTANCES_PER_SERVICE + 5 }, (_, i) => seen(T0, `i-${i}`, `v-${i % 150}`));
    instances.see(many, T0);
    const shop = () => instances.list(T0)[0]!;
    expect(shop()).toMatchObject({ instances: MAX_INSTANCES_PER_SERVICE, otherInstances: 5 });
    expect(shop().versions).toHaveLength(MAX_VERSIONS_PER_SERVICE);
    const later = T0 + INSTANCE_KEEP_MS;
    instances.see([seen(later, 'new')], later);
    expect(instances.listInstances('shop', later).map(({ instance }) => instance)).toEqual(['new']);

    instances.see(
      Array.from({ length: MAX_SERVICES + 5 }, (_, i) => seen(later, '', '', `s-${i}`)),
      later,
    );
    expect(instances.list(later)).toHaveLength(MAX_SERVICES);
    instances.see([seen(later + INSTANCE_KEEP_MS, '', '', 'fresh')], later + INSTANCE_KEEP_MS);
    expect(instances.list(later + INSTANCE_KEEP_MS).map(({ name }) => name)).toContain('fresh');
    expect(start().list(later + INSTANCE_KEEP_MS)).toHaveLength(MAX_SERVICES);
    // Of all services: those whose service is gone for good do not keep others out.
    const full = start();
    const last = later + INSTANCE_KEEP_MS;
    for (let i = 0; i < MAX_INSTANCES / MAX_INSTANCES_PER_SERVICE; i++) {
      full.see(
        Array.from({ length: MAX_INSTANCES_PER_SERVICE }, (_, n) => seen(last, `n-${n}`, '', `s-${i}`)),
        last,
      );
    }
    full.see([seen(last, 'one too many', '', 'fresh')], last);
    expect(full.listInstances('fresh', last)).toEqual([]);
    full.see([seen(last + INSTANCE_KEEP_MS, 'one', '', 'fresh')], last + INSTANCE_KEEP_MS);
    expect(full.listInstances('fresh', last + INSTANCE_KEEP_MS)).toHaveLength(1);
    const long = start();
    long.see(
      [seen(later + INSTANCE_KEEP_MS, '\0'.repeat(10_000), '\0'.repeat(10_000), 'fresh')],
      later + INSTANCE_KEEP_MS,
    );
    expect(long.listInstances('fresh', later + INSTANCE_KEEP_MS)[0]!.instance.length).toBeLessThan(200);
  }));

it('leaves room for services however many names come under the public keys of pages', () =>
  inObject((start) => {
    const instances = start();
    for (let i = 0; i < MAX_SERVICES; i++) {
      instances.see([{ ...SOME, service: `s-${i}`, isPage: true }], T0);
      instances.see([{ ...SOME, service: 'shop', version: `${i}`, isPage: true }], T0);
    }
    instances.see([{ ...SOME, service: 'shop', version: 'real' }], T0);
    instances.see([{ ...SOME, service: 'checkout' }], T0);
    const listed = new Map(instances.list(T0).map((service) => [service.name, service.versions.length]));
    expect([listed.size, listed.get('shop')]).toEqual([MAX_SERVICES / 2 + 1, MAX_VERSIONS_PER_SERVICE / 2 + 1]);
    expect(listed.get('checkout')).toBe(1);
  }));
