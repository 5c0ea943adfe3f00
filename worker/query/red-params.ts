/** Query parameters of `GET /api/services/{service}/red`. */

import { SPAN_KINDS, type SpanKind } from '../../model/span.ts';
import { HttpError } from '../errors.ts';
import type { RedQuery } from './red.ts';
import { bad, type Params, parseDuration, parseWindow, wrongValue } from './time-params.ts';

const MINUTE_US = 60_000_000;
const HOUR_US = 60 * MINUTE_US;
/** A day by minutes, and what it takes to begin and end with whole ones. */
const MAX_STEPS = 1_500;
/** Where no step is given: the finest of these with which there are no more than so many. */
const STEPS_MINUTES = [1, 5, 15, 60, 360, 1_440];
const WANTED_STEPS = 125;
/** Rows of operations are twenty times those of services: beyond this, roll-ups of hours are what can be read in time. */
export const MAX_FINE_MINUTES = 360;
const GRAINS = ['service', 'operation', 'kind'] as const;

/** Throws HttpError 400: what `parseWindow` throws, `bad_duration`, `bad_parameter`, `range_too_long`, `too_many_steps`. */
export function parseRedQuery(service: string, params: Params, nowMs: number): RedQuery & { readonly service: string } {
  const window = parseWindow(params, ['step', 'operation', 'kind', 'by'], nowMs);
  const minutes = (window.endUs - window.startUs) / MINUTE_US;
  const by = parseGrain(params.by) ?? (params.operation ? 'operation' : 'service');
  const isOfServices = by === 'service' && !params.operation;
  const isCoarse = !isOfServices && minutes > MAX_FINE_MINUTES;
  const step = STEPS_MINUTES.find((each) => minutes <= each * WANTED_STEPS && (each >= 60 || !isCoarse));
  const stepUs = parseStep(params) ?? (step ?? STEPS_MINUTES.at(-1)!) * MINUTE_US;
  if (isCoarse && stepUs % HOUR_US !== 0) {
    throw new HttpError(
      400,
      'range_too_long',
      'operations are told apart over more than 6 hours in steps of whole hours only: ask for step=1h, or for less time',
    );
  }
  // Steps are those of the clock: a window asked for a little later has the same ones.
  const startUs = Math.floor(window.startUs / stepUs) * stepUs;
  const count = Math.ceil((window.endUs - startUs) / stepUs);
  if (count > MAX_STEPS) {
    throw new HttpError(400, 'too_many_steps', `step makes ${count} steps of the range; there may be ${MAX_STEPS}`);
  }
  const kinds = parseKinds(params.kind);
  return {
    startUs,
    endUs: window.endUs,
    stepUs,
    service,
    by,
    ...(params.operation ? { operation: params.operation } : {}),
    ...(kinds ? { kinds } : {}),
  };
}

function parseStep(params: Params): number | undefined {
  const stepUs = parseDuration(params, 'step');
  if (stepUs !== undefined && (stepUs < MINUTE_US || stepUs % MINUTE_US !== 0)) {
    throw wrongValue('bad_duration', 'step', params.step, 'whole minutes, at least one: 1m, 5m, 1h');
  }
  return stepUs;
}

function parseKinds(text: string | undefined): SpanKind[] | undefined {
  if (!text) return undefined;
  return text.split(',').map((kind) => {
    const known = SPAN_KINDS.find((each) => each === kind);
    if (!known) throw bad('kind', `has ${JSON.stringify(kind)}; want some of ${SPAN_KINDS.join(', ')}`);
    return known;
  });
}

function parseGrain(text: string | undefined): RedQuery['by'] | undefined {
  if (!text) return undefined;
  const grain = GRAINS.find((each) => each === text);
  if (!grain) throw wrongValue('bad_parameter', 'by', text, GRAINS.join(', '));
  return grain;
}
