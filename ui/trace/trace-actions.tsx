import { useSignal } from '@preact/signals';
import type { Trace } from '../../model/span.ts';
import { Icon } from '../parts/icon.tsx';
import { fetchOtlp, keepTrace } from '../shell/api.ts';
import { saveFile } from '../shell/save-file.ts';

/** Keeping a trace that is not kept, and downloads. `onKept`: it has another decision now. */
export function TraceActions({ trace, onKept }: { trace: Trace; onKept: () => void }) {
  const { traceId, state } = trace;
  const failure = useSignal('');
  const isKeeping = useSignal(false);
  async function attempt(action: () => Promise<void>) {
    failure.value = '';
    try {
      await action();
    } catch (error) {
      failure.value = (error as Error).message;
    }
  }
  async function keep() {
    isKeeping.value = true;
    await attempt(async () => {
      await keepTrace(traceId);
      onKept();
    });
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
      <a class="button small" href={`/api/traces/${traceId}`} download={`trace-${traceId}.json`}>
        <Icon name="download" /> JSON
      </a>
      <button
        type="button"
        class="button small"
        onClick={() => void attempt(async () => saveFile(`trace-${traceId}.otlp.binpb`, await fetchOtlp(traceId)))}
        title="OTLP TracesData, protobuf"
      >
        <Icon name="download" /> OTLP
      </button>
    </div>
  );
}
