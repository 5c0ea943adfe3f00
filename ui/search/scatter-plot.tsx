import type { Signal } from '@preact/signals';
import type { TraceSummary } from '../../model/span.ts';
import { formatDuration } from '../logic/duration.ts';
import { formatTracePath } from '../logic/route.ts';
import { layoutScatter, scatterRange } from '../logic/scatter.ts';
import { formatTimeShort } from '../logic/time.ts';
import type { TimeRange } from '../logic/viewport.ts';

const LEAST_RADIUS = 3;
const MORE_RADIUS = 4;

interface Props {
  traces: readonly TraceSummary[];
  /** The time that was searched. */
  searched: TimeRange;
  /** The trace id the pointer is on, here or in the list. */
  pointed: Signal<string | null>;
}

/** Duration over time, one dot a trace; errors are diamonds. The list below says the same in text. */
export function ScatterPlot({ traces, searched, pointed }: Props) {
  const range = scatterRange(traces, searched);
  const { dots, lines } = layoutScatter(traces, range);
  const edges = [range.startUs, (range.startUs + range.endUs) / 2, range.endUs];
  return (
    <figure class="scatter" aria-hidden="true">
      <div class="plot">
        {lines.map((line) => (
          <div key={line.durationUs} class="line" style={{ bottom: `${line.y * 100}%` }}>
            <span>{formatDuration(line.durationUs)}</span>
          </div>
        ))}
        {dots.map(({ trace, x, y, size }) => (
          // biome-ignore lint/a11y/useAnchorContent: the figure is hidden from screen readers; the list has the same links.
          <a
            key={trace.traceId}
            href={formatTracePath(trace.traceId)}
            tabIndex={-1}
            class={`dot ${trace.status} ${trace.state} ${pointed.value === trace.traceId ? 'pointed' : ''}`}
            style={{
              left: `${x * 100}%`,
              bottom: `${y * 100}%`,
              '--radius': `${LEAST_RADIUS + MORE_RADIUS * size}px`,
            }}
            title={`${trace.rootService} ${trace.rootOperation}\n${formatDuration(trace.durationUs)}`}
            onPointerEnter={() => {
              pointed.value = trace.traceId;
            }}
            onPointerLeave={() => {
              pointed.value = null;
            }}
          />
        ))}
      </div>
      <div class="times">
        {edges.map((us) => (
          <span key={us}>{formatTimeShort(us, range.endUs)}</span>
        ))}
      </div>
    </figure>
  );
}
