/** Sends batches, one after the other, and again when that may help. */

import { monotonicMs } from '../api/clock.ts';
import { randomWord } from '../api/ids.ts';
import { createGate, type Gate } from './gate.ts';
import { CONTENT_TYPE, type Outcome, type Sent } from './outcome.ts';

/** A part of `fetch` that the page's own, unpatched one and the worker's both are. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const MAX_ATTEMPTS = 3;
/** A batch that would have to wait longer is better stored. */
const PATIENCE_MS = 3_000;
const TIMEOUT_MS = 30_000;

/** What came back for one request. */
export interface Answer {
  readonly outcome: Outcome;
  readonly refused: number;
  readonly pressure: string | null;
  /** What the edge asked for, when it said so and we may read it. */
  readonly retryAfterMs: number | null;
}

const NO_ANSWER: Answer = { outcome: 'unavailable', refused: 0, pressure: null, retryAfterMs: null };

/** Sends once. Never rejects. */
export async function sendOnce(fetch: Fetch, url: string, bytes: BufferSource, keepalive = false): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: bytes,
      headers: { 'content-type': CONTENT_TYPE },
      keepalive,
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const outcome = outcomeOf(response.status);
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    // Somebody in between may answer 200 with a page of their own: only the edge's answer is JSON.
    const { rejected = 0 } = outcome === 'accepted' ? await response.json() : {};
    return {
      outcome,
      refused: rejected,
      pressure: response.headers.get('tailrace-pressure'),
      retryAfterMs: retryAfter >= 0 ? retryAfter * 1000 : null,
    };
  } catch {
    return NO_ANSWER;
  }
}

export interface Exporter {
  /**
   * Sends until the edge accepts or rejects: up to `MAX_ATTEMPTS` times, each when the gate lets it. Gives up at once when that would
   * take long, and when `isWanted` says that somebody else has taken over.
   */
  send(bytes: BufferSource, isWanted?: () => boolean): Promise<Sent>;
  /** The network is back. */
  reopen(): void;
}

export interface ExporterOptions {
  readonly fetch: Fetch;
  readonly url: string;
  readonly gate?: Gate;
  readonly nowMs?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
}

export function createExporter({
  fetch,
  url,
  gate = createGate(() => (randomWord() >>> 0) / 2 ** 32),
  nowMs = monotonicMs,
  wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
}: ExporterOptions): Exporter {
  async function send(bytes: BufferSource, isWanted = () => true): Promise<Sent> {
    let answer = NO_ANSWER;
    let tookMs = 0;
    let attempts = 0;
    while (attempts < MAX_ATTEMPTS) {
      const waitMs = gate.waitMs(nowMs());
      if (waitMs > PATIENCE_MS || (waitMs > 0 && gate.state(nowMs()) === 'open')) break;
      if (waitMs > 0) await wait(waitMs);
      if (!isWanted() || (attempts > 0 && !gate.tryRetry())) break;
      const startedMs = nowMs();
      gate.pass(startedMs);
      answer = await sendOnce(fetch, url, bytes);
      attempts++;
      tookMs = nowMs() - startedMs;
      gate.note(answer.outcome, answer.retryAfterMs, nowMs());
      if (answer.outcome !== 'unavailable' || navigator.onLine === false) break;
    }
    const { outcome, refused, pressure } = answer;
    return { outcome, refused, pressure, attempts, tookMs, waitMs: gate.waitMs(nowMs()) };
  }

  return { send, reopen: gate.reopen };
}

function outcomeOf(status: number): Outcome {
  if (status >= 200 && status < 300) return 'accepted';
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'rejected' : 'unavailable';
}
