/** A small server in place of the edge: takes batches, remembers their spans, and serves the SDK to pages. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { inflateSync } from 'node:zlib';
import type { Batch } from '../../model/batch/batch.ts';
import { decodeBatch, parseBatchHeader } from '../../model/batch/decode.ts';
import { formatHex } from '../../model/ids.ts';
import type { SpanData } from '../../model/span-data.ts';
import { ROOT } from '../../scripts/run.ts';

export interface ReceivedBatch extends Batch {
  readonly bytes: number;
  readonly deflated: boolean;
}

export interface Collector {
  /** `http://localhost:PORT`. */
  readonly url: string;
  readonly batches: ReceivedBatch[];
  /** Answers the next requests with these statuses instead, without taking their spans. */
  readonly failures: { status: number; retryAfter?: string }[];
  /** While it is true every batch's connection is cut. */
  away: boolean;
  /**
   * Answers every batch so meanwhile, without taking its spans; `cut` takes them, but ends the connection within the answer; `delayMs` takes
   * its time.
   */
  fault:
    | { readonly status: number; readonly body?: string }
    | { readonly cut: true }
    | { readonly delayMs: number }
    | null;
  /** The ended spans of a trace, by span id, as soon as there are `count` of them. */
  ended(traceId: string, count: number): Promise<Map<string, SpanData>>;
  /** The first span that is like this, as soon as it is there. */
  span(isLike: (span: SpanData) => boolean): Promise<SpanData>;
  close(): Promise<void>;
}

const CORS = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };

export async function startCollector(): Promise<Collector> {
  const batches: ReceivedBatch[] = [];
  const failures: Collector['failures'] = [];
  const waiting = new Set<() => void>();

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (collector.away) {
      request.socket.destroy();
      return;
    }
    const { fault } = collector;
    if (fault && 'status' in fault) {
      response.writeHead(fault.status, CORS).end(fault.body ?? '{}');
      return;
    }
    if (fault && 'delayMs' in fault) await setTimeout(fault.delayMs);
    const failure = failures.shift();
    if (failure) {
      response.writeHead(failure.status, {
        ...CORS,
        ...(failure.retryAfter ? { 'retry-after': failure.retryAfter } : {}),
      });
      response.end();
      return;
    }
    const bytes = new Uint8Array(Buffer.concat(chunks));
    const { deflated, payload } = parseBatchHeader(bytes);
    batches.push({ ...decodeBatch(bytes, deflated ? inflateSync(payload) : undefined), bytes: bytes.length, deflated });
    response.writeHead(200, { ...CORS, 'content-type': 'application/json' });
    if (fault && 'cut' in fault) {
      response.write('{');
      await setTimeout(20);
      request.socket.destroy();
    } else response.end('{}');
    for (const check of waiting) check();
  }

  async function serve(path: string, response: ServerResponse): Promise<void> {
    const name = /^\/sdk\/(tailrace|recorder|producer|steering)\.js$/.exec(path)?.[1];
    if (!name) {
      response.writeHead(404).end();
      return;
    }
    const script = await readFile(join(ROOT, 'dist', 'site', 'sdk', `${name}.js`));
    response.writeHead(200, { ...CORS, 'content-type': 'text/javascript' }).end(script);
  }

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const answer =
      url.pathname === '/v1/batch' && request.method === 'POST'
        ? take(request, response)
        : serve(url.pathname, response);
    answer.catch((error) => response.writeHead(400, CORS).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));

  /** What `look` finds, as soon as it finds something. */
  function until<T>(look: () => T | null): Promise<T> {
    return new Promise((resolve) => {
      const check = () => {
        const found = look();
        if (found === null) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      check();
    });
  }

  function endedNow(traceId: string): Map<string, SpanData> {
    const spans = new Map<string, SpanData>();
    for (const span of batches.flatMap((batch) => batch.spans)) {
      if (formatHex(span.traceId) === traceId && span.endUs !== null) spans.set(formatHex(span.spanId), span);
    }
    return spans;
  }

  const collector: Collector = {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    batches,
    failures,
    away: false,
    fault: null,
    ended: (traceId, count) =>
      until(() => {
        const spans = endedNow(traceId);
        return spans.size >= count ? spans : null;
      }),
    span: (isLike) => until(() => batches.flatMap((batch) => batch.spans).find(isLike) ?? null),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return collector;
}
