/** gRPC-Web, as bytes and as text: its errors are in headers of an answer of 200. */

import { mutateBytes } from './mutate.ts';
import { EXPORT_PATH, protobufRejected, protobufSamples, protobufSpans } from './otlp.ts';
import { exchange, type FuzzAnswer, type FuzzEdge, type FuzzProtocol, type SentSpan, textOf } from './protocol.ts';

/** HTTP's status by gRPC's, where there is no Retry-After. */
const STATUSES: Readonly<Record<string, number>> = { '0': 200, '3': 400, '8': 413, '12': 415 };
const RETRY_STATUSES: Readonly<Record<string, number>> = { '8': 429, '14': 503 };

export const GRPC_WEB: FuzzProtocol = {
  name: 'grpc_web',
  counted: 'grpc_web',
  share: 0.5,
  samples: (seed, count) => protobufSamples(seed, count).map(toEnvelope),
  mutate: mutateEnvelope,
  spansOf: envelopeSpans,
  send: (edge, body) => exportTraces(edge, 'application/grpc-web+proto', body, (answer) => answer),
};

export const GRPC_WEB_TEXT: FuzzProtocol = {
  name: 'grpc_web_text',
  counted: 'grpc_web',
  share: 0.5,
  samples: (seed, count) => protobufSamples(seed, count).map((message) => toText(toEnvelope(message))),
  // Half of the time what was broken is base64 all the same.
  mutate: (body, random) =>
    random() < 0.5 ? mutateBytes(body, random) : toText(mutateEnvelope(fromText(body), random)),
  spansOf: (body) => envelopeSpans(fromText(body)),
  send: (edge, body) => exportTraces(edge, 'application/grpc-web-text', body, fromText),
};

async function exportTraces(
  edge: FuzzEdge,
  type: string,
  body: Uint8Array,
  decode: (answer: Uint8Array) => Uint8Array,
): Promise<FuzzAnswer> {
  const { status, headers, bytes } = await exchange(edge, EXPORT_PATH, type, body);
  const code = headers.get('grpc-status');
  if (status !== 200) return { status, rejected: 0, text: textOf(bytes) };
  if (code !== null) {
    const found = (headers.has('retry-after') ? RETRY_STATUSES : STATUSES)[code];
    return { status: found ?? 500, rejected: 0, text: `${code} ${headers.get('grpc-message')}` };
  }
  // A message, then the trailers.
  const answer = decode(bytes);
  const end = 5 + lengthAt(answer, 0);
  const trailers = textOf(answer.subarray(end + 5, end + 5 + lengthAt(answer, end)));
  const isTaken = answer[end] === 0x80 && /^grpc-status: 0\r\n/m.test(trailers);
  return { status: isTaken ? 200 : 500, rejected: protobufRejected(answer.subarray(5, end)), text: trailers };
}

function lengthAt(envelope: Uint8Array, at: number): number {
  return new DataView(envelope.buffer, envelope.byteOffset).getUint32(at + 1);
}

/** Half of the time the message in it, in an envelope that fits. */
function mutateEnvelope(body: Uint8Array, random: () => number): Uint8Array {
  return random() < 0.5 ? mutateBytes(body, random) : toEnvelope(mutateBytes(body.subarray(5), random));
}

function toEnvelope(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(5 + message.length);
  new DataView(out.buffer).setUint32(1, message.length);
  out.set(message, 5);
  return out;
}

function envelopeSpans(body: Uint8Array): SentSpan[] {
  return protobufSpans(body.subarray(5));
}

const toText = (bytes: Uint8Array): Uint8Array => new TextEncoder().encode(Buffer.from(bytes).toString('base64'));
/** Pieces that are padded each, one behind the other. */
const fromText = (text: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat((textOf(text).match(/[^=]+=*/g) ?? []).map((piece) => Buffer.from(piece, 'base64'))));
