import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { formatCalls, formatRate, formatShare } from '../logic/amounts.ts';
import { describeChanges, knownChanges } from '../logic/graph-changes.ts';
import type { PageRange } from '../logic/page-range.ts';
import { formatSearchPath } from '../logic/search-query.ts';
import type { Change } from '../logic/service-map.ts';
import { formatServicePath, parseServiceQuery } from '../logic/service-query.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice } from '../parts/notice.tsx';
import { RangeField } from '../parts/range-field.tsx';
import { type Column, SortTable } from '../parts/sort-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { EDGE_COLUMNS, optionalDuration, ServiceLink } from '../services/columns.tsx';
import { BlastRadius } from '../services/service-detail.tsx';
import { LoadingTable, NoServices } from '../services/states.tsx';
import { isUnauthorized } from '../shell/api.ts';
import { loadServices, noteServices } from '../shell/catalog.ts';
import { navigate, search } from '../shell/router.ts';
import {
  type Dependency,
  fetchGraphChanges,
  fetchServiceGraph,
  fetchSurroundings,
  type GraphChanges,
  type ServiceGraph,
} from '../shell/statistics-api.ts';
import { EdgeDetail, lineThrough } from './edge-detail.tsx';
import { MapPicture } from './map-picture.tsx';

/** Which service calls which, as a picture and as a table. */
export function MapView() {
  const query = useComputed(() => parseServiceQuery(search.value));
  const { service, range } = query.value;
  const ofRange = JSON.stringify(range);
  const chosen = useSignal<Dependency | null>(null);
  const graph = useLoaded(ofRange, async (signal) => {
    const loaded = await fetchServiceGraph(range, signal);
    noteServices(loaded.services.map((node) => node.service));
    return loaded;
  });
  const changes = useLoaded(ofRange, (signal) => fetchGraphChanges(range, signal));
  useEffect(() => {
    document.title = 'Map · Tailrace';
    void loadServices();
  }, []);
  useEffect(() => {
    chosen.value = null;
  }, [ofRange, service]);

  function retry() {
    graph.reload();
    changes.reload();
  }
  if (isUnauthorized(graph.failure)) return <LoginForm onDone={retry} />;
  return (
    <main class="wide-view">
      <header class="view-header">
        <h1>Map</h1>
        <div class="fields">
          <RangeField
            range={range}
            onChange={(range) => navigate(formatServicePath('map', { ...query.value, range }))}
          />
        </div>
      </header>
      {graph.failure ? (
        <FailureNotice failure={graph.failure} onRetry={retry} />
      ) : graph.value === null ? (
        <LoadingTable />
      ) : graph.value.services.length === 0 ? (
        <NoServices />
      ) : (
        <div class={graph.isLoading ? 'stale' : ''}>
          <div class="map-and-detail">
            <MapPicture
              graph={graph.value}
              changes={knownChanges(graph.value.dependencies, changes.value)}
              service={service}
              range={range}
              chosen={chosen}
            />
            {chosen.value ? (
              <EdgeDetail edge={chosen.value} range={range} onClose={() => (chosen.value = null)} />
            ) : (
              service !== '' && <NodeDetail key={service} graph={graph.value} service={service} range={range} />
            )}
          </div>
          <Legend changes={describeChanges(graph.value.dependencies, changes.value)} />
          <CallTable
            graph={graph.value}
            changes={knownChanges(graph.value.dependencies, changes.value)}
            range={range}
          />
        </div>
      )}
    </main>
  );
}

function Legend({ changes }: { changes: string }) {
  return (
    <p class="table-note">
      With each service its rate, p95 and errors; with each call its rate and p95. Lines are as thick as there are
      calls, red as far as they failed, dashed where few were seen. {changes}
    </p>
  );
}

function NodeDetail({ graph, service, range }: { graph: ServiceGraph; service: string; range: PageRange }) {
  const node = graph.services.find((each) => each.service === service);
  const surroundings = useLoaded(JSON.stringify([service, range]), (signal) =>
    fetchSurroundings({ service, operation: '', range }, signal),
  );
  return (
    <aside class="map-detail" aria-label={`About ${service}`}>
      <header>
        <h2>
          <ServiceLink service={service} range={range} />
        </h2>
        <a class="button small" href={formatServicePath('map', { range })}>
          Close
        </a>
      </header>
      {node ? (
        <dl class="pairs">
          <dt>Calls</dt>
          <dd>
            {formatCalls(node.calls)}, {formatRate(node.rate)}
          </dd>
          <dt>Errors</dt>
          <dd>{formatShare(node.calls === 0 ? 0 : node.errors / node.calls)}</dd>
          <dt>p50, p95, p99</dt>
          <dd>{[node.p50Us, node.p95Us, node.p99Us].map(optionalDuration).join(', ')}</dd>
          <dt>From outside</dt>
          <dd>{formatCalls(node.entries)}</dd>
          <dt title="Share of all requests from outside that come through it; an estimate">Reach</dt>
          <dd>{formatShare(node.criticality)} of all requests</dd>
        </dl>
      ) : (
        <p class="nothing">It was not counted in this time.</p>
      )}
      {surroundings.value && surroundings.value.blastRadius.length > 0 && (
        <>
          <h3>When it fails</h3>
          <BlastRadius blastRadius={surroundings.value.blastRadius} range={range} />
        </>
      )}
    </aside>
  );
}

type Row = Dependency & { readonly change: Change };

const CHANGE_NAMES: Readonly<Record<Change, string>> = { none: '', appeared: 'new', vanished: 'gone' };

/** The picture in words and numbers. */
function CallTable({ graph, changes, range }: { graph: ServiceGraph; changes: GraphChanges; range: PageRange }) {
  const isNew = new Set(changes.appeared.map(({ parent, child }) => JSON.stringify([parent, child])));
  const rows: Row[] = [
    ...graph.dependencies.map((edge): Row => {
      const change = isNew.has(JSON.stringify([edge.parent, edge.child])) ? 'appeared' : 'none';
      return { ...edge, change };
    }),
    ...changes.vanished.map((edge): Row => ({ ...edge, change: 'vanished' })),
  ];
  const columns: readonly Column<Row>[] = [
    {
      name: 'Caller',
      value: (row) => row.parent,
      show: (row) => <ServiceLink service={row.parent} range={range} />,
    },
    {
      name: 'Calls service',
      value: (row) => row.child,
      show: (row) => <ServiceLink service={row.child} range={range} />,
    },
    ...EDGE_COLUMNS,
    {
      name: 'Change',
      title: 'Against the time before, as long as this one',
      value: (row) => CHANGE_NAMES[row.change],
      show: (row) => row.change !== 'none' && <span class={`change ${row.change}`}>{CHANGE_NAMES[row.change]}</span>,
    },
    {
      name: 'Traces',
      title: 'Traces with spans of both',
      value: (row) => lineThrough(row),
      show: (row) => (
        <a href={formatSearchPath(lineThrough(row), range)} aria-label={`Traces of ${row.parent} and ${row.child}`}>
          Traces
        </a>
      ),
    },
  ];
  return (
    <section aria-label="Calls between services">
      <h2>Calls between services</h2>
      <SortTable
        caption="Calls between services"
        columns={columns}
        rows={rows}
        keyOf={({ parent, child, change }) => JSON.stringify([parent, child, change])}
        sortedBy="Calls"
        empty="No service called another in this time."
      />
    </section>
  );
}
