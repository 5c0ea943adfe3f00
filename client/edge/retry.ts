/** When to send an export again. Pure: clock and randomness come in. */

const BASE_DELAY_MS = 200;
const MAX_DELAY_MS = 5_000;
const MAX_ATTEMPTS = 5;
/** `waitUntil` gives 30 s after the response; the Worker's own work needs some of it. */
const RETRY_BUDGET_MS = 12_000;

/** Answers the OTLP specification lets a sender repeat (https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes). */
export function isRetryable(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}

/** A `Retry-After` header as milliseconds from `nowMs`; null when it is absent or neither seconds nor a date. */
export function parseRetryAfter(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  if (/^\d+$/.test(text.trim())) return Number(text) * 1_000;
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs);
}

/**
 * Milliseconds to wait before the next attempt, or null to give up. `attempts` were made in `spentMs`;
 * `random` is in [0, 1). Exponential with full jitter; never earlier than the server asked for.
 */
export function retryDelayMs(
  attempts: number,
  spentMs: number,
  retryAfterMs: number | null,
  random: number,
): number | null {
  if (attempts >= MAX_ATTEMPTS) return null;
  const backoffMs = random * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** attempts);
  const delayMs = (retryAfterMs ?? 0) + backoffMs;
  return spentMs + delayMs > RETRY_BUDGET_MS ? null : delayMs;
}
