/** `GET /api/compare?a=&b=`: two traces side by side, or one and its typical one (`docs/api/traces.md`). */

import type { Context } from 'hono';
import type { Env } from '../../durable-objects/env.ts';
import { type CompareAnswer, differenceOf } from '../../model/difference.ts';
import { isTraceId } from '../../model/ids.ts';
import type { Span } from '../../model/span.ts';
import { HttpError } from '../errors.ts';
import { foundTrace, JSON_TYPE, json, type TraceSource, unlessKnown } from './trace-answers.ts';
import { spansOf } from './traces.ts';
import { findTypical } from './typical.ts';

const TYPICAL = 'typical';
const KNOWN = ['a', 'b'];

/** Throws HttpError 400 `bad_parameter` or `bad_trace_id`, 404 `not_found` or `no_typical`. */
export async function answerCompare(c: Context<{ Bindings: Env }>, source: TraceSource): Promise<Response> {
  for (const name of Object.keys(c.req.query())) {
    if (!KNOWN.includes(name)) throw bad(name, `is not known; known are ${KNOWN.join(', ')}`);
  }
  const a = idAt(c.req.query('a'), 'a', 'a trace id');
  const isTypical = c.req.query('b') === TYPICAL;
  const b = isTypical ? null : idAt(c.req.query('b'), 'b', `a trace id, or ${TYPICAL}`);
  if (a === b) throw bad('b', 'is the same trace as a');

  const { found: foundA } = await foundTrace(c, source, a);
  const spansOfA = () => spansOf(foundA);
  const chosen = b === null ? await typicalOf(c.env, source, a, spansOfA()) : { traceId: b };
  const { found: foundB } = await foundTrace(c, source, chosen.traceId);
  // What is typical changes with every trace that is kept.
  const isFixed = b !== null && foundA.version !== null && foundB.version !== null;
  const tag = isFixed ? `${foundA.version}-${foundB.version}` : null;
  return unlessKnown(c, tag, JSON_TYPE, () => {
    const difference = differenceOf(spansOfA(), spansOf(foundB));
    return json({
      ...difference,
      a: { traceId: a, state: foundA.state, ...difference.a },
      b: { traceId: chosen.traceId, state: foundB.state, ...difference.b },
      ...('typical' in chosen ? { typical: chosen.typical } : {}),
    } satisfies CompareAnswer);
  });
}

async function typicalOf(env: Env, { config, store, nowMs }: TraceSource, traceId: string, spans: readonly Span[]) {
  const chosen = spans.length === 0 ? null : await findTypical(env, config, store, spans, nowMs);
  if (chosen) return chosen;
  throw new HttpError(
    404,
    'no_typical',
    `no other trace that begins with the operation of ${traceId} was kept within an hour before or after it`,
  );
}

function idAt(text: string | undefined, name: string, wanted: string): string {
  if (!text) throw bad(name, `is missing; want ${wanted}`);
  const traceId = text.toLowerCase();
  if (isTraceId(traceId)) return traceId;
  throw new HttpError(
    400,
    'bad_trace_id',
    `${name} is ${JSON.stringify(text)}; want ${wanted}: 32 hex digits that are not all zero`,
  );
}

function bad(name: string, message: string): HttpError {
  return new HttpError(400, 'bad_parameter', `${name} ${message}`);
}
