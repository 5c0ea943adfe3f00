/** Columns about rate, errors and durations, which several tables have. */

import { formatCalls, formatRate, formatShare } from '../logic/amounts.ts';
import { formatDuration } from '../logic/duration.ts';
import type { PageRange } from '../logic/page-range.ts';
import { formatServicePath } from '../logic/service-query.ts';
import { formatAge } from '../logic/time.ts';
import { ServiceName } from '../parts/service-name.tsx';
import type { Column } from '../parts/sort-table.tsx';
import { currentUs } from '../shell/clock.ts';
import type { Dependency, Red } from '../shell/statistics-api.ts';

export function ErrorShare({ calls, errors }: { calls: number; errors: number }) {
  const share = calls === 0 ? 0 : errors / calls;
  return <span class={errors > 0 ? 'error-share' : 'muted'}>{formatShare(share)}</span>;
}

export function optionalDuration(us: number | null): string {
  return us === null ? '–' : formatDuration(us);
}

/** What a row must have for a column about errors. */
type Counted = { readonly calls: number; readonly errors: number };

const errors: Column<Counted> = {
  name: 'Errors',
  title: 'Share of calls that failed',
  value: (row) => (row.calls === 0 ? 0 : row.errors / row.calls),
  show: (row) => <ErrorShare calls={row.calls} errors={row.errors} />,
};

export const RED_COLUMNS: readonly Column<Red>[] = [
  { name: 'Calls', value: (row) => row.calls, show: (row) => formatCalls(row.calls) },
  { name: 'Rate', value: (row) => row.rate, show: (row) => formatRate(row.rate) },
  errors,
  { name: 'p50', value: (row) => row.p50Us, show: (row) => optionalDuration(row.p50Us) },
  { name: 'p95', value: (row) => row.p95Us, show: (row) => optionalDuration(row.p95Us) },
  { name: 'p99', value: (row) => row.p99Us, show: (row) => optionalDuration(row.p99Us) },
];

export const EDGE_COLUMNS: readonly Column<Dependency>[] = [
  {
    name: 'Calls',
    value: (row) => row.calls,
    show: (row) => <span title={describeBounds(row)}>{formatCalls(row.calls)}</span>,
  },
  errors,
  { name: 'p50', value: (row) => row.p50Us, show: (row) => formatDuration(row.p50Us) },
  { name: 'p95', value: (row) => row.p95Us, show: (row) => formatDuration(row.p95Us) },
  {
    name: 'Network',
    title: 'Half of the calls spent at least about this between the two',
    value: (row) => row.networkP50Us,
    show: (row) => optionalDuration(row.networkP50Us),
  },
  {
    name: 'Last seen',
    value: (row) => row.lastSeenUs,
    show: (row) => formatAge(row.lastSeenUs, currentUs.value),
  },
  { name: 'Confidence', title: 'How far the numbers can be relied on', value: (row) => row.confidence },
];

/** A link to a service's page. */
export function ServiceLink({ service, range }: { service: string; range: PageRange }) {
  return (
    <a class="service-link" href={formatServicePath('services', { service, range })}>
      <ServiceName name={service} />
    </a>
  );
}

export function describeBounds({ calls, callsLow, callsHigh }: Dependency): string {
  return callsLow === callsHigh
    ? `${formatCalls(calls)} calls, all counted`
    : `an estimate: ${formatCalls(callsLow)} to ${formatCalls(callsHigh)}`;
}
