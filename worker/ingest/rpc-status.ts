/**
 * An error as google.rpc.Status (https://cloud.google.com/apis/design/errors): its gRPC code, its message, and as details what
 * was wrong with the request and when to try again.
 */

import { ProtoWriter } from '../../model/otlp/proto-writer.ts';
import type { HttpError } from '../errors.ts';

/** gRPC's codes by HTTP status; what is not here is 2, unknown. */
const GRPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  405: 12,
  413: 8,
  415: 3,
  429: 8,
  500: 13,
  503: 14,
};
const ANY_PREFIX = 'type.googleapis.com/';

/** A message of google.rpc in an Any. */
export interface StatusDetail {
  readonly type: string;
  readonly value: Uint8Array;
  readonly json: Readonly<Record<string, unknown>>;
}

export function grpcCode(error: HttpError): number {
  return GRPC_CODES[error.status] ?? 2;
}

export function statusDetails(error: HttpError): StatusDetail[] {
  const details: StatusDetail[] = [];
  if (error.status === 400) details.push(badRequest(error.field ?? 'body', error.message));
  if (error.retryAfterSeconds !== undefined) details.push(retryInfo(error.retryAfterSeconds));
  return details;
}

export function encodeStatus(error: HttpError): Uint8Array {
  const writer = new ProtoWriter(256);
  writer.varintField(1, grpcCode(error));
  writer.stringField(2, error.message);
  for (const { type, value } of statusDetails(error)) {
    const any = writer.begin(3);
    writer.stringField(1, ANY_PREFIX + type);
    writer.bytesField(2, value);
    writer.end(any);
  }
  return writer.finish();
}

export function statusJson(error: HttpError): Readonly<Record<string, unknown>> {
  const details = statusDetails(error).map(({ type, json }) => ({ '@type': ANY_PREFIX + type, ...json }));
  return { code: grpcCode(error), message: error.message, ...(details.length > 0 ? { details } : {}) };
}

function badRequest(field: string, description: string): StatusDetail {
  const writer = new ProtoWriter(128);
  const violation = writer.begin(1);
  writer.stringField(1, field);
  writer.stringField(2, description);
  writer.end(violation);
  return {
    type: 'google.rpc.BadRequest',
    value: writer.finish(),
    json: { fieldViolations: [{ field, description }] },
  };
}

function retryInfo(seconds: number): StatusDetail {
  const writer = new ProtoWriter(16);
  const delay = writer.begin(1);
  writer.varintField(1, seconds);
  writer.end(delay);
  return { type: 'google.rpc.RetryInfo', value: writer.finish(), json: { retryDelay: `${seconds}s` } };
}
