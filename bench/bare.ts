/** What the platform itself can do: a Worker that hands a request's bytes to Durable Objects, which append them to SQLite. */

import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { guardChildren } from '../scripts/guard.ts';
import type { LocalEdge } from '../scripts/local.ts';

/** `group`: appends that wait for a commit become one row. `each`: each request is a row of its own; the output gate waits. */
export type BareCommit = 'group' | 'each';

const MAX_ROW_BYTES = 1_900_000;
const BUCKET_BYTES = 64e6;
const KEPT_BUCKETS = 20;

const source = (shards: number, commit: BareCommit) => `
import { DurableObject } from 'cloudflare:workers';
export class Bare extends DurableObject {
  table = 0; bytes = 0; waiting = []; next = null; inFlight = null;
  constructor(state, env) { super(state, env); this.rotate(); }
  rotate() {
    const { sql } = this.ctx.storage;
    this.bytes = 0;
    this.table++;
    sql.exec('CREATE TABLE log_' + this.table + ' (row INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT');
    if (this.table > ${KEPT_BUCKETS}) sql.exec('DROP TABLE log_' + (this.table - ${KEPT_BUCKETS}));
  }
  insert(bytes) {
    this.ctx.storage.sql.exec('INSERT INTO log_' + this.table + ' (data) VALUES (?)', bytes);
    this.bytes += bytes.length;
    if (this.bytes > ${BUCKET_BYTES}) this.rotate();
  }
  async append(bytes) {
    ${commit === 'each' ? 'this.insert(bytes);' : 'await this.commit(bytes);'}
    return { accepted: true };
  }
  commit(bytes) {
    this.waiting.push(bytes);
    if (this.next) return this.next;
    if (!this.inFlight) return this.start();
    const start = () => this.start();
    return (this.next = this.inFlight.then(start, start));
  }
  start() {
    const waiting = this.waiting;
    this.waiting = [];
    this.next = null;
    const commit = this.flush(waiting).finally(() => { if (this.inFlight === commit) this.inFlight = null; });
    return (this.inFlight = commit);
  }
  async flush(waiting) {
    let length = 0;
    for (const bytes of waiting) length += bytes.length;
    const row = new Uint8Array(length);
    let at = 0;
    for (const bytes of waiting) { row.set(bytes, at); at += bytes.length; }
    for (at = 0; at < length; at += ${MAX_ROW_BYTES}) this.insert(row.subarray(at, at + ${MAX_ROW_BYTES}));
    await this.ctx.storage.sync();
  }
}
export default {
  async fetch(request, env) {
    const body = new Uint8Array(await request.arrayBuffer());
    const share = Math.ceil(body.length / ${shards});
    // A copy: of a view, a call would send the whole buffer.
    const append = (_, i) => env.BARE.getByName('s' + i).append(body.slice(i * share, (i + 1) * share));
    await Promise.all(Array.from({ length: ${shards} }, append));
    return new Response(null);
  },
};`;

/** Starts it as `startLocal` does the edge; it answers every POST. */
export async function startBare(stateDir: string, shards: number, commit: BareCommit): Promise<LocalEdge> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modules: [{ type: 'ESModule', path: 'index.js', contents: source(shards, commit) }],
      compatibilityDate: '2026-10-01',
      durableObjects: { BARE: { className: 'Bare', useSQLite: true } },
      resourcePersistencePath: stateDir,
      cf: false,
      telemetry: { enabled: false },
    }),
  );
  const url = (await miniflare.ready).origin;
  const release = await guardChildren('workerd');
  return { url, miniflare, close: () => miniflare.dispose().finally(release) };
}
