import type { Signal } from '@preact/signals';
import type { TraceSummary } from '../../model/span.ts';
import { formatDuration } from '../logic/duration.ts';
import { formatScore, listMissing } from '../logic/explain.ts';
import { formatTracePath } from '../logic/route.ts';
import { formatAge, formatTime, formatTimeShort } from '../logic/time.ts';
import { Icon } from '../parts/icon.tsx';
import { ServiceName } from '../parts/service-name.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { serviceColour } from '../shell/catalog.ts';
import { currentUs } from '../shell/clock.ts';

/** Services named in a row; the rest are a number. */
const MAX_CHIPS = 6;

interface Props {
  trace: TraceSummary;
  /** The longest duration of the list. */
  longestUs: number;
  pointed: Signal<string | null>;
}

/** One found trace. The whole row is the link. */
export function ResultRow({ trace, longestUs, pointed }: Props) {
  const share = longestUs > 0 ? trace.durationUs / longestUs : 0;
  const more = trace.services.length - MAX_CHIPS;
  return (
    <li
      class={`result ${trace.status} ${pointed.value === trace.traceId ? 'pointed' : ''}`}
      onPointerEnter={() => {
        pointed.value = trace.traceId;
      }}
      onPointerLeave={() => {
        pointed.value = null;
      }}
    >
      <div class="what">
        <a href={formatTracePath(trace.traceId)} class="cover">
          <span class="root-service">{trace.rootService}</span>{' '}
          <span class="root-operation">{trace.rootOperation}</span>
        </a>
        <div class="chips">
          {trace.services.slice(0, MAX_CHIPS).map(({ name, spanCount }) => (
            <ServiceName key={name} name={name} count={String(spanCount)} />
          ))}
          {more > 0 && <span class="more-chips">+{more}</span>}
        </div>
      </div>
      <div class="duration">
        <span class="value">{formatDuration(trace.durationUs)}</span>
        <span class="meter">
          <span style={{ width: `max(2px, ${share * 100}%)`, background: serviceColour(trace.rootService) }} />
        </span>
      </div>
      <div class="counts">
        <span>
          {trace.spanCount.toLocaleString('en')} {trace.spanCount === 1 ? 'span' : 'spans'}
        </span>
        {trace.errorCount > 0 && (
          <span class="errors">
            <Icon name="error" /> {trace.errorCount.toLocaleString('en')} {trace.errorCount === 1 ? 'error' : 'errors'}
          </span>
        )}
        {trace.state !== 'live' && trace.completeness.score < 1 && (
          <span class="incomplete" title={listMissing(trace.completeness).join(', ')}>
            {formatScore(trace.completeness)} complete
          </span>
        )}
      </div>
      <StateBadge state={trace.state} decision={trace.decision} />
      <time class="when" dateTime={new Date(trace.startUs / 1e3).toISOString()} title={formatTime(trace.startUs)}>
        <span>{formatAge(trace.startUs, currentUs.value)}</span>
        <span class="clock">{formatTimeShort(trace.startUs, currentUs.value)}</span>
      </time>
    </li>
  );
}
