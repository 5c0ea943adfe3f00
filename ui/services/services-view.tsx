import { useComputed } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { formatShare } from '../logic/amounts.ts';
import { formatServicePath, parseServiceQuery, type ServiceQuery } from '../logic/service-query.ts';
import { LoginForm } from '../login/login-form.tsx';
import { FailureNotice } from '../parts/notice.tsx';
import { RangeField } from '../parts/range-field.tsx';
import { type Column, SortTable } from '../parts/sort-table.tsx';
import { useLoaded } from '../parts/use-loaded.ts';
import { isUnauthorized } from '../shell/api.ts';
import { loadServices, noteServices } from '../shell/catalog.ts';
import { navigate, search } from '../shell/router.ts';
import { fetchServiceGraph, type ServiceNode } from '../shell/statistics-api.ts';
import { RED_COLUMNS, ServiceLink } from './columns.tsx';
import { ServiceDetail } from './service-detail.tsx';
import { LoadingTable, NoServices } from './states.tsx';

/** All services with what they do, or one of them. */
export function ServicesView() {
  const query = useComputed(() => parseServiceQuery(search.value));
  const { service, range } = query.value;
  useEffect(() => {
    document.title = `${service || 'Services'} · Tailrace`;
    void loadServices();
  }, [service]);
  return (
    <main class="wide-view">
      <header class="view-header">
        <h1>
          {service === '' ? (
            'Services'
          ) : (
            <>
              <a href={formatServicePath('services', { range })}>Services</a> / {service}
            </>
          )}
        </h1>
        <div class="fields">
          <RangeField
            range={range}
            onChange={(chosen) => navigate(formatServicePath('services', { ...query.value, range: chosen }))}
          />
        </div>
      </header>
      {service === '' ? <ServiceList query={query.value} /> : <ServiceDetail key={service} query={query.value} />}
    </main>
  );
}

function ServiceList({ query: { range } }: { query: ServiceQuery }) {
  const graph = useLoaded(JSON.stringify(range), async (signal) => {
    const loaded = await fetchServiceGraph(range, signal);
    noteServices(loaded.services.map((node) => node.service));
    return loaded;
  });
  if (isUnauthorized(graph.failure)) return <LoginForm onDone={graph.reload} />;
  if (graph.failure) return <FailureNotice failure={graph.failure} onRetry={graph.reload} />;
  if (graph.value === null) return <LoadingTable />;
  if (graph.value.services.length === 0) return <NoServices />;
  const columns: readonly Column<ServiceNode>[] = [
    {
      name: 'Service',
      value: (node) => node.service,
      show: (node) => <ServiceLink service={node.service} range={range} />,
    },
    ...RED_COLUMNS,
    {
      name: 'Reach',
      title: 'Share of all requests from outside that come through this service; an estimate',
      value: (node) => node.criticality,
      show: (node) => formatShare(node.criticality),
    },
  ];
  return (
    <div class={graph.isLoading ? 'stale' : ''}>
      <SortTable
        caption="Services with rate, errors and durations"
        columns={columns}
        rows={graph.value.services}
        keyOf={(node) => node.service}
        sortedBy="Calls"
        empty=""
      />
      <p class="table-note">
        Counted over every trace, kept or not: calls that a service served, or all its spans where it serves none.
      </p>
    </div>
  );
}
