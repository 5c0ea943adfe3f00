/** `GET /v1/stream`: a WebSocket on which OTLP messages come and are acknowledged one by one (`docs/stream-format.md`). */

import type { Context } from 'hono';
import type { CurrentConfig } from '../../durable-objects/config-source.ts';
import type { Env } from '../../durable-objects/env.ts';
import { MAX_STREAM_CALLS } from '../../model/limits.ts';
import { findKeyFault } from '../auth.ts';
import { countRejectedRequest, flushSoon } from '../counters.ts';
import { HttpError, IngestError } from '../errors.ts';
import type { Caller } from '../keys/caller.ts';
import { InFlight } from './in-flight.ts';
import { currentPressure } from './pressure.ts';
import { Rejections } from './rejections.ts';
import { type Outcome, StreamSession } from './stream-session.ts';
import { takeTraces } from './take.ts';

const PROTOCOL = 'tailrace.stream.v1';
const PROTOCOL_HEADER = 'sec-websocket-protocol';
/** So often the key is looked at: one that is revoked ends the stream within ten seconds. */
const TICK_MS = 5_000;
const RETRY_MS = 1_000;
const ARRIVAL = { protocol: 'stream', what: 'an OTLP trace request', flags: 0 } as const;

/** Answers 101. Throws HttpError 426 without an upgrade, and 400 for a subprotocol that is not known here. */
export async function openStream(
  c: Context<{ Bindings: Env }>,
  configNow: () => Promise<CurrentConfig>,
): Promise<Response> {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
    throw new HttpError(426, 'upgrade_required', '/v1/stream is a WebSocket: send Upgrade: websocket');
  }
  const offered = c.req.header(PROTOCOL_HEADER)?.split(',') ?? [];
  if (offered.length > 0 && !offered.some((name) => name.trim() === PROTOCOL)) {
    throw new HttpError(400, 'unknown_subprotocol', `the subprotocol is ${PROTOCOL}, or none`);
  }
  const { shards } = await configNow();
  const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
  server.binaryType = 'arraybuffer';
  server.accept();
  // A sender that hangs up would end what waits here, and what it holds would never be given back.
  const takeAll = (otlp: Uint8Array) => {
    const outcome = take(c.env, configNow, c.var.caller, otlp);
    c.executionCtx.waitUntil(outcome);
    return outcome;
  };
  serve(server, Math.floor(MAX_STREAM_CALLS / (shards + 1)), takeAll, () => findKeyFault(c), c);
  const headers = offered.length > 0 ? { [PROTOCOL_HEADER]: PROTOCOL } : {};
  return new Response(null, { status: 101, webSocket: client, headers });
}

function serve(
  socket: WebSocket,
  maxMessages: number,
  take: (otlp: Uint8Array) => Promise<Outcome>,
  findFault: () => Promise<string | null>,
  { env, var: { caller } }: Context<{ Bindings: Env }>,
): void {
  let isOpen = true;
  const stop = () => {
    isOpen = false;
    clearInterval(ticking);
  };
  const ends = {
    take,
    pressure: () => currentPressure(caller.who),
    send: (text: string) => {
      if (isOpen) socket.send(text);
    },
    close: (code: number, reason: string) => {
      if (isOpen) socket.close(code, reason);
      stop();
    },
  };
  const session = new StreamSession(ends, maxMessages, Date.now());
  const ticking = setInterval(async () => {
    session.tick(Date.now());
    const fault = await findFault();
    if (fault !== null) session.refuse(fault);
  }, TICK_MS);
  socket.addEventListener('message', ({ data }) => {
    // No request comes that would see to it.
    void flushSoon(env, Date.now());
    session.receive(data as string | ArrayBuffer, Date.now());
  });
  socket.addEventListener('close', stop);
  socket.addEventListener('error', stop);
}

async function take(
  env: Env,
  configNow: () => Promise<CurrentConfig>,
  sender: Caller,
  otlp: Uint8Array,
): Promise<Outcome> {
  const inFlight = new InFlight();
  try {
    inFlight.take(otlp.length);
    const rejections = new Rejections();
    const accepted = await takeTraces(env, await configNow(), otlp, { ...ARRIVAL, sender }, rejections);
    const { count: rejected, firstMessage } = rejections;
    return { status: 'accepted', accepted, rejected, ...(firstMessage === null ? {} : { message: firstMessage }) };
  } catch (error) {
    return refusal(error);
  } finally {
    inFlight.release();
  }
}

function refusal(error: unknown): Outcome {
  if (!(error instanceof IngestError)) {
    console.error(error instanceof Error ? (error.stack ?? error.message) : error);
    countRejectedRequest('unavailable');
    return { status: 'retry', reason: 'unavailable', message: 'send the same again later', retryAfterMs: RETRY_MS };
  }
  const { code: reason, message, retryAfterSeconds } = error;
  countRejectedRequest(reason);
  if (retryAfterSeconds === undefined) return { status: 'rejected', reason, message };
  return { status: 'retry', reason, message, retryAfterMs: retryAfterSeconds * 1000 };
}
