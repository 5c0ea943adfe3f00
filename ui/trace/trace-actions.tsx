import { useSignal } from '@preact/signals';
import type { Trace } from '../../model/span.ts';
import { formatComparePath, parseTraceIdInput } from '../logic/route.ts';
import { Icon } from '../parts/icon.tsx';
import { Menu } from '../parts/menu.tsx';
import { keepTrace } from '../shell/api.ts';
import { navigate } from '../shell/router.ts';

/** Keeping a trace that is not kept, comparing, downloads. `onKept`: it has another decision now. */
export function TraceActions({ trace, onKept }: { trace: Trace; onKept: () => void }) {
  const { traceId, state } = trace;
  const failure = useSignal('');
  const isKeeping = useSignal(false);
  async function keep() {
    isKeeping.value = true;
    failure.value = '';
    try {
      await keepTrace(traceId);
      onKept();
    } catch (error) {
      failure.value = (error as Error).message;
    }
    isKeeping.value = false;
  }
  return (
    <div class="actions">
      {failure.value !== '' && (
        <span class="failure" role="alert">
          {failure.value}
        </span>
      )}
      {state !== 'kept' && (
        <button
          type="button"
          class="button small primary"
          disabled={isKeeping.value}
          onClick={() => void keep()}
          title="Store this trace whatever the rules say. It will stand for no other, so estimates stay as they are."
        >
          <Icon name="check" /> Keep
        </button>
      )}
      <Menu icon="compare" name="Compare">
        <a
          href={formatComparePath(traceId, 'typical')}
          title="A kept trace that took as long as this operation usually does"
        >
          With a typical trace
        </a>
        <CompareForm traceId={traceId} />
      </Menu>
      <Menu icon="download" name="Download">
        {DOWNLOADS.map(({ format, name, ending }) => (
          <a
            key={name}
            href={`/api/traces/${traceId}${format === '' ? '' : `?format=${format}`}`}
            download={`trace-${traceId}.${ending}`}
          >
            {name}
          </a>
        ))}
      </Menu>
    </div>
  );
}

/** The endings are those of the edge's own names. */
const DOWNLOADS = [
  { format: 'otlp-json', name: 'OTLP JSON', ending: 'otlp.json' },
  { format: 'otlp', name: 'OTLP protobuf', ending: 'otlp' },
  { format: 'jaeger', name: 'Jaeger JSON', ending: 'jaeger.json' },
  { format: '', name: 'As shown here', ending: 'json' },
];

function CompareForm({ traceId }: { traceId: string }) {
  const text = useSignal('');
  const wrong = useSignal('');
  return (
    <form
      class="compare-form"
      onSubmit={(event) => {
        event.preventDefault();
        const other = parseTraceIdInput(text.value);
        wrong.value =
          other === null ? 'A trace id is 32 hex digits.' : other === traceId ? 'That is this trace itself.' : '';
        if (other !== null && wrong.value === '') navigate(formatComparePath(traceId, other));
      }}
    >
      <label>
        Another trace’s id
        <input
          type="text"
          value={text.value}
          spellcheck={false}
          autocomplete="off"
          aria-invalid={wrong.value !== ''}
          onInput={(event) => {
            text.value = event.currentTarget.value;
            wrong.value = '';
          }}
        />
      </label>
      {wrong.value !== '' && (
        <p class="failure" role="alert">
          {wrong.value}
        </p>
      )}
      <button type="submit" class="button small primary">
        Compare
      </button>
    </form>
  );
}
