/**
 * Services with their versions and instances, and when each was seen. A row a service, written at once when something is new and
 * otherwise once a minute at most (docs/adr/0051): a start may know them as seen up to a minute earlier than they were.
 */

import {
  INSTANCE_KEEP_MS,
  LIVE_MS,
  MAX_INSTANCE_CHARS,
  MAX_INSTANCES,
  MAX_INSTANCES_PER_SERVICE,
  MAX_NAME_CHARS,
  MAX_SERVICES,
  MAX_VERSION_CHARS,
  MAX_VERSIONS_PER_SERVICE,
} from '../model/limits.ts';
import type { Presence, SeenInstance, SeenService, Sighting } from './protocol.ts';

/** How far a service's row may be behind. */
const WRITE_AFTER_MS = 60_000;
/** Spans of an instance that come so soon after its goodbye were on their way. */
const GOODBYE_GRACE_MS = 30_000;

/** Milliseconds since the epoch. */
interface Times {
  firstMs: number;
  lastMs: number;
}

interface Instance extends Times {
  version: string;
  /** When it said goodbye; 0 while it has not. It is remembered, so that what comes late does not bring it back. */
  goneMs: number;
}

interface Service extends Times {
  readonly versions: Map<string, Times>;
  readonly instances: Map<string, Instance>;
  /** When the last instance said goodbye; 0 while there is one, or where there never was any. */
  goneMs: number;
  /** Sightings of instances for which there was no room. */
  other: number;
  /** When its row was written. */
  writtenMs: number;
}

export class Instances {
  private readonly sql: SqlStorage;
  private readonly services = new Map<string, Service>();
  /** In all services. */
  private size = 0;
  /** When those of all services were last looked through for want of room. */
  private forgotMs = Number.NEGATIVE_INFINITY;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    sql.exec('CREATE TABLE IF NOT EXISTS services (name TEXT PRIMARY KEY, json TEXT NOT NULL) STRICT, WITHOUT ROWID');
    for (const { name, json } of sql.exec<{ name: string; json: string }>('SELECT name, json FROM services')) {
      const { versions, instances, ...rest } = JSON.parse(json);
      this.services.set(name, { ...rest, versions: new Map(versions), instances: new Map(instances) });
      this.size += instances.length;
    }
  }

  /** Takes note of whom isolates have seen. Past the limits, new ones are left out. */
  see(sightings: readonly Sighting[], nowMs: number): void {
    const touched = new Set<string>();
    for (const sighting of sightings) {
      const name = sighting.service.slice(0, MAX_NAME_CHARS);
      // A clock that is ahead must not keep anybody alive.
      const atMs = Math.min(sighting.atMs, nowMs);
      const service = this.services.get(name) ?? this.addService(name, atMs, nowMs, MAX_SERVICES * shareOf(sighting));
      if (!service) continue;
      touched.add(name);
      const id = sighting.instance.slice(0, MAX_INSTANCE_CHARS);
      const version = sighting.version.slice(0, MAX_VERSION_CHARS);
      if (id !== '' && !this.seeInstance(service, id, version, atMs, nowMs)) continue;
      if (version !== '') seeVersion(service, version, atMs, MAX_VERSIONS_PER_SERVICE * shareOf(sighting));
      extend(service, atMs);
    }
    for (const name of touched) {
      const service = this.services.get(name)!;
      if (nowMs - service.writtenMs >= WRITE_AFTER_MS) this.write(name, service, nowMs);
    }
  }

  /** Registers an instance, also one that has said goodbye. Durable at once. */
  hello(sighting: Omit<Sighting, 'atMs'>, nowMs: number): void {
    const service = this.services.get(sighting.service.slice(0, MAX_NAME_CHARS));
    const known = service?.instances.get(sighting.instance.slice(0, MAX_INSTANCE_CHARS));
    if (known) known.goneMs = 0;
    if (service) service.goneMs = service.writtenMs = 0;
    this.see([{ ...sighting, atMs: nowMs }], nowMs);
  }

  /** Takes an instance off the list. Durable at once. */
  goodbye(sighting: Omit<Sighting, 'atMs'>, nowMs: number): void {
    const name = sighting.service.slice(0, MAX_NAME_CHARS);
    const service = this.services.get(name);
    const instance = service?.instances.get(sighting.instance.slice(0, MAX_INSTANCE_CHARS));
    if (!service || !instance) return;
    instance.goneMs = nowMs;
    if (![...service.instances.values()].some((each) => isLive(each, nowMs))) service.goneMs = nowMs;
    this.write(name, service, nowMs);
  }

  /** By name. */
  list(nowMs: number): SeenService[] {
    return [...this.services]
      .map(([name, service]) => ({
        name,
        ...presence(service),
        versions: [...service.versions]
          .map(([version, times]) => ({ version, ...presence(times) }))
          .sort((a, b) => b.lastSeenUs - a.lastSeenUs),
        instances: listed(service, nowMs).length,
        otherInstances: service.other,
        live: isLive(service, nowMs),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Of one service, the last seen first. */
  listInstances(name: string, nowMs: number): SeenInstance[] {
    const service = this.services.get(name);
    if (!service) return [];
    return listed(service, nowMs)
      .map(([instance, times]) => ({
        instance,
        version: times.version,
        ...presence(times),
        live: isLive(times, nowMs),
      }))
      .sort((a, b) => b.lastSeenUs - a.lastSeenUs);
  }

  /** Null when there is no room, not even that of one that has not been seen for a day. */
  private addService(name: string, atMs: number, nowMs: number, max: number): Service | null {
    if (this.services.size >= max) {
      const [oldest, old] = [...this.services].reduce((a, b) => (b[1].lastMs < a[1].lastMs ? b : a));
      if (nowMs - old.lastMs < INSTANCE_KEEP_MS) return null;
      this.size -= old.instances.size;
      this.services.delete(oldest);
      this.sql.exec('DELETE FROM services WHERE name = ?', oldest);
    }
    const service: Service = {
      firstMs: atMs,
      lastMs: atMs,
      versions: new Map(),
      instances: new Map(),
      goneMs: 0,
      other: 0,
      writtenMs: 0,
    };
    this.services.set(name, service);
    return service;
  }

  /** False when what was seen came late, after a goodbye. */
  private seeInstance(service: Service, id: string, version: string, atMs: number, nowMs: number): boolean {
    const known = service.instances.get(id);
    if (known) {
      if (known.goneMs > 0 && atMs <= known.goneMs + GOODBYE_GRACE_MS) return false;
      if (known.goneMs > 0 || known.version !== version) service.writtenMs = 0;
      known.goneMs = 0;
      if (atMs >= known.lastMs) known.version = version;
      extend(known, atMs);
      return true;
    }
    if (service.instances.size >= MAX_INSTANCES_PER_SERVICE) this.forget(service, nowMs);
    // Once a minute: to look at everybody takes a while.
    else if (this.size >= MAX_INSTANCES && nowMs - this.forgotMs >= WRITE_AFTER_MS) {
      this.forgotMs = nowMs;
      for (const each of this.services.values()) this.forget(each, nowMs);
    }
    if (service.instances.size >= MAX_INSTANCES_PER_SERVICE || this.size >= MAX_INSTANCES) {
      service.other++;
      return true;
    }
    service.instances.set(id, { version, firstMs: atMs, lastMs: atMs, goneMs: 0 });
    this.size++;
    service.writtenMs = 0;
    return true;
  }

  /** Drops the instances that have not been seen for a day. */
  private forget(service: Service, nowMs: number): void {
    for (const [id, { lastMs }] of service.instances) {
      if (nowMs - lastMs >= INSTANCE_KEEP_MS && service.instances.delete(id)) this.size--;
    }
  }

  private write(name: string, service: Service, nowMs: number): void {
    this.forget(service, nowMs);
    service.writtenMs = nowMs;
    const json = JSON.stringify({ ...service, versions: [...service.versions], instances: [...service.instances] });
    this.sql.exec(
      'INSERT INTO services (name, json) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json',
      name,
      json,
    );
  }
}

/** How much of the room for names a page may fill. */
function shareOf({ isPage }: Sighting): number {
  return isPage ? 0.5 : 1;
}

/** The version seen longest ago gives way; to one of a page, where there are `max`, only when it has not been seen for a day. */
function seeVersion(service: Service, version: string, atMs: number, max: number): void {
  const { versions } = service;
  const known = versions.get(version);
  if (known) {
    extend(known, atMs);
    return;
  }
  if (versions.size >= max) {
    const [oldest, { lastMs }] = [...versions].reduce((a, b) => (b[1].lastMs < a[1].lastMs ? b : a));
    if (max < MAX_VERSIONS_PER_SERVICE && atMs - lastMs < INSTANCE_KEEP_MS) return;
    versions.delete(oldest);
  }
  versions.set(version, { firstMs: atMs, lastMs: atMs });
  service.writtenMs = 0;
}

function extend(times: Times, atMs: number): void {
  times.firstMs = Math.min(times.firstMs, atMs);
  times.lastMs = Math.max(times.lastMs, atMs);
}

function listed(service: Service, nowMs: number): [string, Instance][] {
  return [...service.instances].filter(([, { lastMs, goneMs }]) => goneMs === 0 && nowMs - lastMs < INSTANCE_KEEP_MS);
}

function isLive({ lastMs, goneMs }: Times & { readonly goneMs: number }, nowMs: number): boolean {
  return lastMs > goneMs && nowMs - lastMs < LIVE_MS;
}

function presence({ firstMs, lastMs }: Times): Presence {
  return { firstSeenUs: firstMs * 1000, lastSeenUs: lastMs * 1000 };
}
