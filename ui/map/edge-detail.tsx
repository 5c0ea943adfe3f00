import { formatShare } from '../logic/amounts.ts';
import { formatDuration } from '../logic/duration.ts';
import type { PageRange } from '../logic/page-range.ts';
import { formatCondition } from '../logic/query-line.ts';
import { formatSearchPath } from '../logic/search-query.ts';
import { formatAge } from '../logic/time.ts';
import { Icon } from '../parts/icon.tsx';
import { describeBounds, optionalDuration, ServiceLink } from '../services/columns.tsx';
import { currentUs } from '../shell/clock.ts';
import type { Dependency } from '../shell/statistics-api.ts';

const CONFIDENCE: Readonly<Record<Dependency['confidence'], string>> = {
  high: 'high',
  medium: 'medium: at least ten calls were seen',
  low: 'low: fewer than ten calls were seen, or the count is far from sure',
};

/** The query line of traces with spans of both. One span can be of one service only: the other is asked for as an attribute. */
export function lineThrough({ parent, child }: Dependency): string {
  return `${formatCondition('service', child)} ${formatCondition('resource.service.name', parent)}`;
}

/** What one service calls of another, and where to see it. */
export function EdgeDetail(props: { edge: Dependency; range: PageRange; onClose: () => void }) {
  const { edge, range } = props;
  const line = lineThrough(edge);
  return (
    <aside class="map-detail" aria-label={`Calls from ${edge.parent} to ${edge.child}`}>
      <header>
        <h2>
          <ServiceLink service={edge.parent} range={range} /> → <ServiceLink service={edge.child} range={range} />
        </h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </header>
      <dl class="pairs">
        <dt>Calls</dt>
        <dd>{describeBounds(edge)}</dd>
        <dt>Errors</dt>
        <dd>{formatShare(edge.calls === 0 ? 0 : edge.errors / edge.calls)}</dd>
        <dt>p50, p95</dt>
        <dd>
          {formatDuration(edge.p50Us)}, {formatDuration(edge.p95Us)}
        </dd>
        <dt>Network, about</dt>
        <dd>{optionalDuration(edge.networkP50Us)}</dd>
        <dt>Last seen</dt>
        <dd>{formatAge(edge.lastSeenUs, currentUs.value)}</dd>
        <dt>Confidence</dt>
        <dd>{CONFIDENCE[edge.confidence]}</dd>
      </dl>
      <div class="ways">
        <a class="button small" href={formatSearchPath(line, range)}>
          Traces through both
        </a>
        <a class="button small" href={formatSearchPath(`${line} status=error`, range)}>
          With errors
        </a>
      </div>
    </aside>
  );
}
