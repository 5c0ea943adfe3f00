/** Operations with the kinds of their spans, as far as they are known. */

import type { Context } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { SPAN_KINDS } from '../../../model/span.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { listOperations } from '../../query/services.ts';
import { readStatistics } from '../../query/statistics.ts';
import { wholeMinutes } from '../../query/time-params.ts';

/** What lists know is names; kinds are in the statistics, each minute of which is read and unpacked. */
const KINDS_OF_THE_LAST_US = 3_600_000_000;

export interface JaegerOperation {
  readonly name: string;
  /** Empty of one without a span in the last hour. */
  readonly spanKind: string;
}

/** Of one service, by name; an operation of several kinds has one entry for each. With `kind` those of that kind alone. */
export async function operationsOf(
  c: Context<{ Bindings: Env }>,
  { config, store, now }: RouteDeps,
  service: string,
  kind: string,
): Promise<JaegerOperation[]> {
  const nowUs = now() * 1000;
  const current = await config(c);
  const window = wholeMinutes(nowUs - KINDS_OF_THE_LAST_US, nowUs);
  const [listed, rows] = await Promise.all([
    listOperations(c.env, current, service),
    readStatistics(c.env, current, store(c.env), window),
  ]);
  const kinds = new Map<string, Set<string>>(listed.map(({ name }) => [name, new Set()]));
  for (const { operations, cells } of rows) {
    for (const cell of cells) {
      const operation = operations[cell.operation]!;
      if (operation.service === service) kinds.get(operation.name)?.add(SPAN_KINDS[cell.kind]!);
    }
  }
  return [...kinds]
    .flatMap(([name, known]) => (known.size === 0 ? [''] : [...known].sort()).map((spanKind) => ({ name, spanKind })))
    .filter(({ spanKind }) => kind === '' || spanKind === kind);
}
