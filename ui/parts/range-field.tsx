import { LOOKBACKS, type Lookback, type PageRange, rangeOf } from '../logic/page-range.ts';
import { formatLocalInput, parseLocalInput } from '../logic/time.ts';
import { nowUs } from '../shell/clock.ts';

const RANGE_NAMES: Readonly<Record<Lookback, string>> = {
  '15m': 'Last 15 minutes',
  '1h': 'Last hour',
  '6h': 'Last 6 hours',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
};

/** The time a view is about: a range up to now, or two moments. */
export function RangeField({ range, onChange }: { range: PageRange; onChange: (range: PageRange) => void }) {
  function choose(value: string) {
    if (value === 'custom') onChange({ kind: 'custom', ...rangeOf(range, nowUs()) });
    else onChange({ kind: 'lookback', lookback: value as Lookback });
  }
  return (
    <>
      <label class="field">
        <span>Time</span>
        <select
          value={range.kind === 'custom' ? 'custom' : range.lookback}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {(Object.keys(LOOKBACKS) as Lookback[]).map((lookback) => (
            <option key={lookback} value={lookback}>
              {RANGE_NAMES[lookback]}
            </option>
          ))}
          <option value="custom">From … to …</option>
        </select>
      </label>
      {range.kind === 'custom' &&
        (['startUs', 'endUs'] as const).map((name) => (
          <label class="field" key={name}>
            <span>{name === 'startUs' ? 'From' : 'To'}</span>
            <input
              type="datetime-local"
              step="1"
              value={formatLocalInput(range[name])}
              onChange={(event) => {
                const us = parseLocalInput(event.currentTarget.value);
                if (us !== null) onChange({ ...range, [name]: us });
              }}
            />
          </label>
        ))}
    </>
  );
}
