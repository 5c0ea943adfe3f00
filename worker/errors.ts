/** Errors that a client is told about: a code to act on, and a message that says what, where and what would be right. */

import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { RequestRejectionReason } from '../model/reasons.ts';
import type { ApiError } from '../model/span.ts';

/** What is not there may come back, but nobody knows when. */
const UNKNOWN_RETRY_SECONDS = 30;

export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: ContentfulStatusCode;
  readonly code: string;
  /** Set where trying again later makes sense. */
  readonly retryAfterSeconds: number | undefined;
  /** Where in the request it is, for example `spans[3].traceId`. */
  readonly field: string | undefined;

  constructor(status: ContentfulStatusCode, code: string, message: string, retryAfterSeconds?: number, field?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds ?? (status === 503 ? UNKNOWN_RETRY_SECONDS : undefined);
    this.field = field;
  }

  get headers(): Record<string, string> {
    return {
      ...(this.retryAfterSeconds === undefined ? {} : { 'retry-after': String(this.retryAfterSeconds) }),
      ...(this.status === 405 ? { allow: 'POST' } : {}),
    };
  }

  get body(): ApiError {
    return { error: { code: this.code, message: this.message } };
  }
}

/** What is wrong with a text in the request, with its place there in UTF-16 units; of length 0 where something is missing. */
export class PlacedError extends HttpError {
  readonly offset: number;
  readonly length: number;

  constructor(status: ContentfulStatusCode, code: string, message: string, offset: number, length: number) {
    super(status, code, message);
    this.offset = offset;
    this.length = length;
  }

  override get body(): ApiError {
    return { error: { ...super.body.error, offset: this.offset, length: this.length } };
  }
}

/** A request that ingest refuses as a whole; its code is also the counter's label. */
export class IngestError extends HttpError {
  declare readonly code: RequestRejectionReason;

  constructor(
    status: ContentfulStatusCode,
    code: RequestRejectionReason,
    message: string,
    retryAfterSeconds?: number,
    field?: string,
  ) {
    super(status, code, message, retryAfterSeconds, field);
  }
}
