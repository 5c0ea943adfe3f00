/** Sends spans to the edge as OTLP protobuf. */

import { encodeTracesData } from '../../model/otlp/encode.ts';
import { DIRECTIVES_HEADER } from '../../model/sdk-config.ts';
import type { SpanData } from '../../model/span-data.ts';
import { nowUs, random, wait } from './clock.ts';
import { countLoss, formatLosses, returnLosses, takeLosses } from './losses.ts';
import type { ResolvedOptions } from './options.ts';
import { notePressure, spansUnderPressure } from './pressure.ts';
import { followDirectives } from './remote.ts';
import { isRetryable, parseRetryAfter, retryDelayMs } from './retry.ts';

const ATTEMPT_TIMEOUT_MS = 5_000;

/**
 * Delivers `spans`, or counts why not. `isCertain`: they would have come whether the head of their trace sampled them or not.
 * Never rejects. To be called outside traced requests, or it would be traced. */
export async function exportSpans(
  options: ResolvedOptions,
  ended: readonly SpanData[],
  isCertain: boolean,
): Promise<void> {
  const spans = spansUnderPressure(ended, nowUs());
  countLoss('pressure', ended.length - spans.length, 'the edge takes only what matters most');
  if (spans.length === 0) return;
  const losses = takeLosses();
  let body: Uint8Array;
  try {
    body = encodeTracesData([...options.resource, ...losses], spans);
  } catch (error) {
    returnLosses(losses);
    countLoss('encode_failed', spans.length, String(error));
    return;
  }
  const failure = await send(options, body, formatLosses(losses), isCertain);
  if (failure === null) return;
  returnLosses(losses);
  countLoss(failure.reason, spans.length, failure.detail);
}

type Failure = { readonly reason: 'rejected' | 'unreachable'; readonly detail: string };

/** Sends `body` until it is accepted (null), refused for good, or the retry budget is spent. */
async function send(
  options: ResolvedOptions,
  body: Uint8Array,
  losses: string | null,
  isCertain: boolean,
): Promise<Failure | null> {
  const startUs = nowUs();
  for (let attempts = 1; ; attempts++) {
    let detail: string;
    let retryAfterMs: number | null = null;
    try {
      const response = await post(options, body, losses, isCertain);
      notePressure(response.headers.get('tailrace-pressure'), nowUs());
      await response.body?.cancel();
      await followDirectives(options, response.headers.get(DIRECTIVES_HEADER));
      if (response.ok) return null;
      detail = `${options.tracesUrl} answered ${response.status}`;
      if (!isRetryable(response.status)) return { reason: 'rejected', detail };
      retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), nowUs() / 1_000);
    } catch (error) {
      detail = `${options.tracesUrl} could not be reached: ${error}`;
    }
    const delayMs = retryDelayMs(attempts, (nowUs() - startUs) / 1_000, retryAfterMs, random());
    if (delayMs === null) return { reason: 'unreachable', detail };
    await wait(delayMs);
  }
}

function post(
  options: ResolvedOptions,
  body: Uint8Array,
  losses: string | null,
  isCertain: boolean,
): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/x-protobuf' };
  if (options.key !== '') headers.authorization = `Bearer ${options.key}`;
  if (isCertain) headers['tailrace-unsampled'] = 'sent';
  if (losses) headers['tailrace-lost-spans'] = losses;
  const request = new Request(options.tracesUrl, {
    method: 'POST',
    headers,
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
  });
  return options.exporter ? options.exporter.fetch(request) : fetch(request);
}
