import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { parseDuration } from '../logic/duration.ts';
import { findFault, type LineFault, type LineField, readFields, setField } from '../logic/query-line.ts';
import { PAGE_LIMITS, type SearchQuery } from '../logic/search-query.ts';
import { Icon } from '../parts/icon.tsx';
import { RangeField } from '../parts/range-field.tsx';
import { fetchOperations } from '../shell/api.ts';
import { services } from '../shell/catalog.ts';
import { QueryBox } from './query-box.tsx';

interface Props {
  query: SearchQuery;
  /** The query line as it is typed. */
  draft: Signal<string>;
  /** What the edge found wrong with the line that it was asked for. */
  refused: LineFault | null;
  busy: boolean;
  onSearch: (query: SearchQuery) => void;
}

/**
 * What to look for: a line of text, and controls that write the most frequent conditions into it. Controls search at once, the
 * line on Enter. A line with a fault is not sent.
 */
export function SearchForm({ query, draft, refused, busy, onSearch }: Props) {
  /** A line is typed for a while before it can be right: its fault is shown once it is finished. */
  const isFinished = useSignal(true);
  const found = findFault(draft.value);
  const fault = isFinished.value ? found : null;
  const fields = found === null ? readFields(draft.value) : null;
  const operations = useOperations(fields?.service ?? '');

  function search(line: string, part: Partial<SearchQuery> = {}) {
    isFinished.value = true;
    draft.value = line;
    if (findFault(line) === null) onSearch({ ...query, ...part, line: line.trim() });
  }
  function set(changes: Partial<Record<LineField, string>>) {
    let line = draft.value;
    for (const [field, value] of Object.entries(changes)) line = setField(line, field as LineField, value);
    search(line);
  }
  return (
    <form
      class="search-form"
      onSubmit={(event) => {
        event.preventDefault();
        search(draft.value);
      }}
    >
      <div class="query-row">
        <QueryBox
          draft={draft}
          fault={fault ?? (draft.value.trim() === query.line ? refused : null)}
          onTyped={(isDone) => {
            isFinished.value = isDone;
          }}
        />
        <button type="submit" class="button primary find" aria-busy={busy}>
          <Icon name="search" /> {busy ? 'Searching…' : 'Find traces'}
        </button>
      </div>
      <fieldset class="fields" disabled={fields === null}>
        <legend class="visually-hidden">Frequent conditions</legend>
        <Choice
          label="Service"
          value={fields?.service ?? ''}
          any="All services"
          options={services.value}
          onChange={(service) => set({ service, operation: '' })}
        />
        <Choice
          label="Operation"
          value={fields?.operation ?? ''}
          any="All operations"
          options={operations}
          onChange={(operation) => set({ operation })}
        />
        <DurationField
          label="Min duration"
          hint="250ms"
          value={fields?.minDuration ?? ''}
          onChange={(minDuration) => set({ minDuration })}
        />
        <DurationField
          label="Max duration"
          hint="2s"
          value={fields?.maxDuration ?? ''}
          onChange={(maxDuration) => set({ maxDuration })}
        />
        <label class="field">
          <span>Status</span>
          <select value={fields?.status ?? ''} onChange={(event) => set({ status: event.currentTarget.value })}>
            <option value="">Any</option>
            <option value="ok">Without errors</option>
            <option value="error">With errors</option>
          </select>
        </label>
        <RangeField range={query.range} onChange={(range) => search(draft.value, { range })} />
        <label class="field">
          <span>Order</span>
          <select
            value={query.order}
            onChange={(event) => search(draft.value, { order: event.currentTarget.value as SearchQuery['order'] })}
          >
            <option value="newest">Newest first</option>
            <option value="slowest">Slowest first</option>
          </select>
        </label>
        <label class="field">
          <span>At a time</span>
          <select
            value={query.limit}
            onChange={(event) => search(draft.value, { limit: Number(event.currentTarget.value) })}
          >
            {PAGE_LIMITS.map((limit) => (
              <option key={limit} value={limit}>
                {limit.toLocaleString('en')}
              </option>
            ))}
          </select>
        </label>
      </fieldset>
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

const WANTED_DURATION = 'Want a number and a unit: 250ms, 1.5s, 2m';

/** A bound that is written into the line when it is finished; what is no duration stays here, marked. */
function DurationField(props: { label: string; hint: string; value: string; onChange: (value: string) => void }) {
  const wrong = useSignal<string | null>(null);
  return (
    <label class="field short">
      <span>{props.label}</span>
      <input
        type="text"
        value={wrong.value ?? props.value}
        placeholder={props.hint}
        spellcheck={false}
        autocomplete="off"
        aria-invalid={wrong.value !== null}
        title={wrong.value === null ? undefined : WANTED_DURATION}
        onChange={(event) => {
          const text = event.currentTarget.value.trim();
          wrong.value = text !== '' && parseDuration(text) === null ? text : null;
          event.currentTarget.setCustomValidity(wrong.value === null ? '' : WANTED_DURATION);
          if (wrong.value === null) props.onChange(text);
        }}
      />
    </label>
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
