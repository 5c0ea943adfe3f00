/** Sends batches, and tries again when that may help. */

import { randomWord } from '../api/ids.ts';
import { CONTENT_TYPE, type Outcome, type Sent } from './outcome.ts';

/** A part of `fetch` that the page's own, unpatched one and the worker's both are. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const MAX_ATTEMPTS = 4;
const FIRST_DELAY_MS = 500;
/** The edge may ask for hours, until a key's day is over. No page lives that long; asking in vain costs the edge a request. */
const MAX_RETRY_AFTER_MS = 30_000;
const TIMEOUT_MS = 30_000;

/** Sends once. `retryAfterMs` is what the edge asked for, when it said so and we may read it. */
export async function sendOnce(
  fetch: Fetch,
  url: string,
  bytes: BufferSource,
  keepalive = false,
): Promise<Sent & { readonly retryAfterMs: number | null }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      body: bytes,
      headers: { 'content-type': CONTENT_TYPE },
      keepalive,
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    return {
      outcome: outcomeOf(response.status),
      pressure: response.headers.get('tailrace-pressure'),
      retryAfterMs: retryAfter >= 0 ? retryAfter * 1000 : null,
    };
  } catch {
    return { outcome: 'unavailable', pressure: null, retryAfterMs: null };
  }
}

/**
 * Sends until the edge accepts or rejects, at most `MAX_ATTEMPTS` times, with doubling delays, or a little more than
 * those the edge asks for, half a minute at most. Stops early when `isWanted` says that somebody else has taken over.
 */
export async function sendWithRetry(
  fetch: Fetch,
  url: string,
  bytes: BufferSource,
  isWanted: () => boolean = () => true,
  wait = defaultWait,
): Promise<Sent> {
  for (let attempt = 1; ; attempt++) {
    const { outcome, pressure, retryAfterMs } = await sendOnce(fetch, url, bytes);
    if (outcome !== 'unavailable' || attempt === MAX_ATTEMPTS) return { outcome, pressure };
    const delayMs = retryAfterMs === null ? FIRST_DELAY_MS * 2 ** attempt : 1000;
    await wait(Math.min(retryAfterMs ?? 0, MAX_RETRY_AFTER_MS) + delayMs * jitter());
    if (!isWanted()) return { outcome, pressure };
  }
}

function defaultWait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A factor in [0.5, 1), so that many pages do not come back at the same moment. */
function jitter(): number {
  return 0.5 + (randomWord() >>> 0) / 2 ** 33;
}

function outcomeOf(status: number): Outcome {
  if (status >= 200 && status < 300) return 'accepted';
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'rejected' : 'unavailable';
}
