/** Whose spans this isolate has taken in. The Ledger hears of each once a minute, with the counters (docs/adr/0051). */

import { Buffer } from 'node:buffer';
import type { Sighting } from '../durable-objects/protocol.ts';
import { MAX_INSTANCE_CHARS, MAX_NAME_CHARS, MAX_SIGHTINGS, MAX_VERSION_CHARS } from '../model/limits.ts';
import type { ScannedResource, SpanTable } from '../model/otlp/span-table.ts';

/** Who was told of so recently is not told of again. */
const TELL_AGAIN_MS = 60_000;
/** Beyond, all are forgotten, and told of again. */
const MAX_TOLD = 20_000;

/** When each was told of, milliseconds since the epoch. */
const told = new Map<string, number>();
let pending: Sighting[] = [];

/** Takes note of the services, versions and instances of a message; those for which there is no room come again. */
export function noteSightings(table: SpanTable, atMs: number): void {
  for (const resource of table.resources) {
    if (pending.length >= MAX_SIGHTINGS) return;
    const service = cut(resource.service, MAX_NAME_CHARS);
    const version = cut(resource.version, MAX_VERSION_CHARS);
    const instance = cut(instanceOf(resource), MAX_INSTANCE_CHARS);
    const { isPage } = resource;
    const key = `${service}\0${version}\0${instance}\0${isPage}`;
    const toldMs = told.get(key);
    if (toldMs !== undefined && atMs - toldMs < TELL_AGAIN_MS) continue;
    if (told.size >= MAX_TOLD) told.clear();
    told.set(key, atMs);
    pending.push({ service, version, instance, isPage, atMs });
  }
}

/** Those that the Ledger has not been told of. */
export function takeSightings(): readonly Sighting[] {
  const taken = pending;
  pending = [];
  return taken;
}

export function putBackSightings(sightings: readonly Sighting[]): void {
  pending = [...sightings, ...pending].slice(0, MAX_SIGHTINGS);
}

/** Pages come and go by the thousand: they are not instances. */
function instanceOf({ isPage, instance }: ScannedResource): string {
  return isPage ? '' : instance;
}

/** As much as the catalog takes. A copy, because a part of a text holds on to all of it. */
function cut(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : Buffer.from(text.slice(0, maxChars)).toString();
}
