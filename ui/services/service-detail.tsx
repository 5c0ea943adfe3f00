import { formatCalls, formatRate, formatShare } from '../logic/amounts.ts';
import { formatDuration } from '../logic/duration.ts';
import type { PageRange } from '../logic/page-range.ts';
import { formatCondition } from '../logic/query-line.ts';
import { formatTracePath } from '../logic/route.ts';
import { formatSearchPath } from '../logic/search-query.ts';
import { formatServicePath, type ServiceQuery } from '../logic/service-query.ts';
import { formatAge } from '../logic/time.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice } from '../parts/notice.tsx';
import { type Column, SortTable } from '../parts/sort-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { isUnauthorized } from '../shell/api.ts';
import { noteServices } from '../shell/catalog.ts';
import { currentUs } from '../shell/clock.ts';
import {
  type Dependency,
  type Exemplar,
  type Exemplars,
  fetchExemplars,
  fetchOperationsRed,
  fetchRed,
  fetchSurroundings,
  type OperationRed,
  type Red,
  type RedSeries,
  type Surroundings,
} from '../shell/statistics-api.ts';
import { EDGE_COLUMNS, optionalDuration, RED_COLUMNS, ServiceLink } from './columns.tsx';
import { RedCharts } from './red-charts.tsx';
import { LoadingTable, NoServices } from './states.tsx';

/** One service, or one of its operations: how it does over time, what it is made of, who calls it and whom it calls. */
export function ServiceDetail({ query }: { query: ServiceQuery }) {
  const { service, operation, range } = query;
  const ofService = JSON.stringify([service, range]);
  const ofOperation = JSON.stringify([service, operation, range]);
  const red = useLoaded(ofOperation, (signal) => fetchRed(query, signal));
  const exemplars = useLoaded(ofOperation, (signal) => fetchExemplars(query, signal));
  const operations = useLoaded(ofService, (signal) => fetchOperationsRed(query, signal));
  const surroundings = useLoaded(ofService, async (signal) => {
    const loaded = await fetchSurroundings(query, signal);
    noteServices([...loaded.callers, ...loaded.callees].flatMap(({ parent, child }) => [parent, child]));
    return loaded;
  });
  const failure = red.failure ?? operations.failure ?? surroundings.failure;
  function retry() {
    for (const part of [red, exemplars, operations, surroundings]) part.reload();
  }
  if (isUnauthorized(failure)) return <LoginForm onDone={retry} />;
  if (failure) return <FailureNotice failure={failure} onRetry={retry} />;
  if (red.isLoading && red.value === null) return <LoadingTable />;
  if (red.value === null) return <NoServices service={service} />;
  return (
    <div class={`service-detail ${red.isLoading ? 'stale' : ''}`}>
      {operation !== '' && (
        <p class="operation-chosen">
          Operation <strong>{operation}</strong>{' '}
          <a class="button small" href={formatServicePath('services', { service, range })}>
            All of {service}
          </a>
        </p>
      )}
      <Numbers series={red.value} surroundings={operation === '' ? surroundings.value : null} />
      <Ways query={query} exemplars={exemplars.value} />
      <RedCharts query={query} series={red.value} />
      <section aria-label="Operations">
        <h2>Operations</h2>
        {operations.value && <Operations query={query} operations={operations.value} />}
      </section>
      {surroundings.value && <Neighbours surroundings={surroundings.value} service={service} range={range} />}
    </div>
  );
}

function Numbers({ series: { total }, surroundings }: { series: RedSeries; surroundings: Surroundings | null }) {
  const node = surroundings?.node;
  return (
    <dl class="facts numbers">
      <Fact name="Calls" value={formatCalls(total.calls)} />
      <Fact name="Rate" value={formatRate(total.rate)} />
      <div class={total.errors > 0 ? 'failed' : ''}>
        <dt>Errors</dt>
        <dd class="strong">{formatShare(total.calls === 0 ? 0 : total.errors / total.calls)}</dd>
      </div>
      <Fact name="p50" value={optionalDuration(total.p50Us)} />
      <Fact name="p95" value={optionalDuration(total.p95Us)} />
      <Fact name="p99" value={optionalDuration(total.p99Us)} />
      {node && (
        <>
          <Fact name="From outside" value={formatCalls(node.entries)} />
          <Fact name="Reach" value={formatShare(node.criticality)} />
        </>
      )}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="strong">{value}</dd>
    </div>
  );
}

/** Where to go from here: examples of what was counted, all traces, the map. */
function Ways({
  query: { service, operation, range },
  exemplars,
}: {
  query: ServiceQuery;
  exemplars: Exemplars | null;
}) {
  const names = [formatCondition('service', service), ...(operation ? [formatCondition('operation', operation)] : [])];
  const line = names.join(' ');
  return (
    <div class="ways">
      {exemplars?.slowest && <Example name="Slowest trace" trace={exemplars.slowest} />}
      {exemplars?.failed && <Example name="Failed trace" trace={exemplars.failed} />}
      <a class="button small" href={formatSearchPath(line, range)}>
        All traces
      </a>
      <a class="button small" href={formatSearchPath(`${line} status=error`, range)}>
        With errors
      </a>
      <a class="button small" href={formatServicePath('map', { service, range })}>
        On the map
      </a>
    </div>
  );
}

function Example({ name, trace }: { name: string; trace: Exemplar }) {
  const failed = trace.status === 'error';
  return (
    <a
      class={`example ${failed ? 'failed' : ''}`}
      href={formatTracePath(trace.traceId)}
      title={`${trace.rootService} ${trace.rootOperation}`}
    >
      <span class="muted">{name}</span> <strong>{formatDuration(trace.durationUs)}</strong>{' '}
      <span class="muted">{formatAge(trace.startUs, currentUs.value)}</span>
    </a>
  );
}

type OperationRow = Red & { readonly name: string; readonly kind: string };

function Operations({ query, operations }: { query: ServiceQuery; operations: readonly OperationRed[] }) {
  const { service, operation, range } = query;
  const rows = operations.flatMap(({ name, red }) => red.map((of): OperationRow => ({ ...of, name })));
  const columns: readonly Column<OperationRow>[] = [
    {
      name: 'Operation',
      value: (row) => row.name,
      show: (row) => <a href={formatServicePath('services', { service, operation: row.name, range })}>{row.name}</a>,
    },
    { name: 'Kind', value: (row) => row.kind },
    ...RED_COLUMNS,
    {
      name: 'Time',
      title: 'Calls times median: where most of the service’s time goes',
      value: (row) => row.calls * (row.p50Us ?? 0),
      show: (row) => formatDuration(row.calls * (row.p50Us ?? 0)),
    },
  ];
  return (
    <SortTable
      caption={`Operations of ${service}`}
      columns={columns}
      rows={rows}
      keyOf={(row) => `${row.kind} ${row.name}`}
      classOf={(row) => (row.name === operation ? 'chosen' : '')}
      sortedBy="Time"
      empty="No operation was counted in this time."
    />
  );
}

interface NeighboursProps {
  surroundings: Surroundings;
  service: string;
  range: PageRange;
}

function Neighbours({ surroundings: { callers, callees, blastRadius }, service, range }: NeighboursProps) {
  const column = (name: string, of: (edge: Dependency) => string): Column<Dependency> => ({
    name,
    value: of,
    show: (edge) => <ServiceLink service={of(edge)} range={range} />,
  });
  return (
    <>
      <section aria-label="Callers">
        <h2>Called by</h2>
        <SortTable
          caption={`Services that call ${service}`}
          columns={[column('Caller', ({ parent }) => parent), ...EDGE_COLUMNS]}
          rows={callers}
          keyOf={({ parent }) => parent}
          sortedBy="Calls"
          empty="No other service called it: its requests come from outside."
        />
      </section>
      <section aria-label="Callees">
        <h2>Calls</h2>
        <SortTable
          caption={`Services that ${service} calls`}
          columns={[column('Service', ({ child }) => child), ...EDGE_COLUMNS]}
          rows={callees}
          keyOf={({ child }) => child}
          sortedBy="Calls"
          empty="It called no other service."
        />
      </section>
      {blastRadius.length > 0 && (
        <section aria-label="Blast radius">
          <h2>When it fails</h2>
          <BlastRadius blastRadius={blastRadius} range={range} />
        </section>
      )}
    </>
  );
}

/** Who fails with a service, by an estimate of the share of their requests that do. */
export function BlastRadius({ blastRadius, range }: Pick<Surroundings, 'blastRadius'> & { range: PageRange }) {
  return (
    <ul class="blast-radius">
      {blastRadius.map(({ service, share }) => (
        <li key={service}>
          <ServiceLink service={service} range={range} />
          <span class="meter">
            <span style={{ width: `max(2px, ${share * 100}%)` }} />
          </span>
          <span>{formatShare(share)} of its requests fail too</span>
        </li>
      ))}
    </ul>
  );
}
