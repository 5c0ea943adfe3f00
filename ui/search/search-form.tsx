import { useSignal, useSignalEffect } from '@preact/signals';
import { parseDuration } from '../logic/duration.ts';
import { LOOKBACKS, type Lookback, type SearchQuery, searchRange } from '../logic/search-query.ts';
import { formatLocalInput, parseLocalInput } from '../logic/time.ts';
import { Icon } from '../parts/icon.tsx';
import { fetchOperations } from '../shell/api.ts';
import { services } from '../shell/catalog.ts';
import { nowUs } from '../shell/clock.ts';

interface Props {
  query: SearchQuery;
  busy: boolean;
  onSearch: (query: SearchQuery) => void;
  /** Searches again for what is in the form; an Enter in a field comes here after the field's own change. */
  onSubmit: () => void;
}

/** What to look for. Choices search at once, typed values on Enter or when the field is left. */
export function SearchForm({ query, busy, onSearch, onSubmit }: Props) {
  const change = (part: Partial<SearchQuery>) => onSearch({ ...query, ...part });
  const operations = useOperations(query.service);
  return (
    <form
      class="search-form"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <Choice
        label="Service"
        value={query.service}
        any="All services"
        options={services.value}
        onChange={(service) => change({ service, operation: '' })}
      />
      <Choice
        label="Operation"
        value={query.operation}
        any="All operations"
        options={operations}
        onChange={(operation) => change({ operation })}
      />
      <DurationField
        label="Min duration"
        hint="250ms"
        value={query.minDuration}
        onChange={(minDuration) => change({ minDuration })}
      />
      <DurationField
        label="Max duration"
        hint="2s"
        value={query.maxDuration}
        onChange={(maxDuration) => change({ maxDuration })}
      />
      <label class="field">
        <span>Status</span>
        <select
          value={query.status}
          onChange={(event) => change({ status: event.currentTarget.value as SearchQuery['status'] })}
        >
          <option value="">Any</option>
          <option value="ok">Without errors</option>
          <option value="error">With errors</option>
        </select>
      </label>
      <RangeField query={query} change={change} />
      <button type="submit" class="button primary find" aria-busy={busy}>
        <Icon name="search" /> {busy ? 'Searching…' : 'Find traces'}
      </button>
    </form>
  );
}

function Choice(props: {
  label: string;
  value: string;
  any: string;
  options: readonly string[];
  onChange: (value: string) => void;
}) {
  const unknown = props.value !== '' && !props.options.includes(props.value);
  return (
    <label class="field wide">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <option value="">{props.any}</option>
        {unknown && <option value={props.value}>{props.value}</option>}
        {props.options.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function DurationField(props: { label: string; hint: string; value: string; onChange: (value: string) => void }) {
  const wrong = props.value !== '' && parseDuration(props.value) === null;
  return (
    <label class="field short">
      <span>{props.label}</span>
      <input
        type="text"
        value={props.value}
        placeholder={props.hint}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={wrong}
        title={wrong ? 'Want a number and a unit: 250ms, 1.5s, 2m' : undefined}
        onChange={(event) => props.onChange(event.currentTarget.value.trim())}
      />
    </label>
  );
}

const RANGE_NAMES: Readonly<Record<Lookback, string>> = {
  '15m': 'Last 15 minutes',
  '1h': 'Last hour',
  '6h': 'Last 6 hours',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
};

function RangeField({ query, change }: { query: SearchQuery; change: (part: Partial<SearchQuery>) => void }) {
  const { range } = query;
  function choose(value: string) {
    if (value === 'custom') change({ range: { kind: 'custom', ...searchRange(query, nowUs()) } });
    else change({ range: { kind: 'lookback', lookback: value as Lookback } });
  }
  function edge(name: 'startUs' | 'endUs', text: string) {
    const us = parseLocalInput(text);
    if (us !== null && range.kind === 'custom') change({ range: { ...range, [name]: us } });
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
          <option value="custom">Custom…</option>
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
              onChange={(event) => edge(name, event.currentTarget.value)}
            />
          </label>
        ))}
    </>
  );
}

/** The operations of `service`, loaded when it changes; none while they load or where they cannot be had. */
function useOperations(service: string): readonly string[] {
  const wanted = useSignal(service);
  const loaded = useSignal<readonly string[]>([]);
  wanted.value = service;
  useSignalEffect(() => {
    const name = wanted.value;
    loaded.value = [];
    if (name === '') return;
    let current = true;
    fetchOperations(name).then(
      (names) => {
        if (current) loaded.value = names;
      },
      () => undefined,
    );
    return () => {
      current = false;
    };
  });
  return loaded.value;
}
