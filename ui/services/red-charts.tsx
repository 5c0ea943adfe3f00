import { formatRate, formatShare } from '../logic/amounts.ts';
import { formatDuration } from '../logic/duration.ts';
import { formatServicePath, type ServiceQuery } from '../logic/service-query.ts';
import { LineChart } from '../parts/line-chart.tsx';
import { navigate } from '../shell/router.ts';
import type { RedSeries } from '../shell/statistics-api.ts';

/** A logarithm has no zero; a Worker's clock, which stands still while it works, has. */
function aboveZero(us: number | null): number | null {
  return us === null ? null : Math.max(us, 1);
}

/** Rate, errors and durations over time. A drag over one of them chooses that time for all. */
export function RedCharts({ query, series: { steps } }: { query: ServiceQuery; series: RedSeries }) {
  const atUs = steps.map((step) => step.startUs);
  const chart = { atUs, onPick: narrow };
  function narrow(startUs: number, endUs: number) {
    navigate(formatServicePath('services', { ...query, range: { kind: 'custom', startUs, endUs } }));
  }
  return (
    <div class="charts">
      <LineChart
        {...chart}
        title="Rate"
        format={formatRate}
        lines={[{ name: 'calls', colour: 'var(--accent)', values: steps.map((step) => step.rate) }]}
      />
      <LineChart
        {...chart}
        title="Errors"
        format={formatShare}
        lines={[
          {
            name: 'failed',
            colour: 'var(--error)',
            values: steps.map((step) => (step.calls === 0 ? null : step.errors / step.calls)),
          },
        ]}
      />
      <LineChart
        {...chart}
        title="Duration"
        format={formatDuration}
        isLogarithmic
        lines={[
          { name: 'p99', colour: 'var(--service-5)', values: steps.map((step) => aboveZero(step.p99Us)) },
          { name: 'p95', colour: 'var(--service-6)', values: steps.map((step) => aboveZero(step.p95Us)) },
          { name: 'p50', colour: 'var(--accent)', values: steps.map((step) => aboveZero(step.p50Us)) },
        ]}
      />
    </div>
  );
}
