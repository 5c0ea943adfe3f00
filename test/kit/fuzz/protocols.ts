/** Every way in: how what is sent is made, broken, and read by another decoder than the edge's. */

import { BATCH } from './batch.ts';
import { GRPC_WEB, GRPC_WEB_TEXT } from './grpc-web.ts';
import { CONNECT_JSON, CONNECT_PROTOBUF, OTLP_JSON, OTLP_PROTOBUF } from './otlp.ts';
import { PLAIN_SPANS } from './plain-spans.ts';
import type { FuzzProtocol } from './protocol.ts';
import { STREAM } from './stream.ts';
import { ZIPKIN_JSON, ZIPKIN_PROTOBUF } from './zipkin.ts';

export const FUZZ_PROTOCOLS: readonly FuzzProtocol[] = [
  OTLP_PROTOBUF,
  OTLP_JSON,
  GRPC_WEB,
  GRPC_WEB_TEXT,
  CONNECT_PROTOBUF,
  CONNECT_JSON,
  ZIPKIN_JSON,
  ZIPKIN_PROTOBUF,
  PLAIN_SPANS,
  BATCH,
  STREAM,
];
