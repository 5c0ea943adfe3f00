import type { Signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { type LineFault, splitAtFault } from '../logic/query-line.ts';

interface Props {
  draft: Signal<string>;
  /** What is wrong with the draft, where that is to be shown. */
  fault: LineFault | null;
  /** Something was typed; `isDone` when the box is left. */
  onTyped: (isDone: boolean) => void;
}

/** The query line. What is wrong is underlined where it stands, on a copy of the text behind the box, and said below. */
export function QueryBox({ draft, fault, onTyped }: Props) {
  const copy = useRef<HTMLDivElement>(null);
  const [before, at, after] = fault === null ? [draft.value, '', ''] : splitAtFault(draft.value, fault);
  return (
    <div class="query-box">
      <div class="line">
        <div class="copy-of-line" aria-hidden="true" ref={copy}>
          <span>{before}</span>
          {fault !== null && <mark>{at || ' '}</mark>}
          <span>{after}</span>
        </div>
        <input
          type="text"
          aria-label="Query"
          aria-invalid={fault !== null}
          aria-describedby={fault === null ? 'query-hint' : 'query-fault'}
          placeholder="service=checkout duration>250ms http.response.status_code>=500"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          value={draft.value}
          onInput={(event) => {
            draft.value = event.currentTarget.value;
            onTyped(false);
          }}
          onScroll={(event) => {
            copy.current!.scrollLeft = event.currentTarget.scrollLeft;
          }}
          onBlur={() => onTyped(true)}
        />
      </div>
      {fault === null ? (
        <p class="query-hint" id="query-hint">
          Conditions that must all hold: <code>key=value</code>, <code>key&gt;=500</code>, <code>key=*</code>, of any
          span or resource; <code>root.key=…</code> of the root span.
        </p>
      ) : (
        <p class="query-fault" id="query-fault" role="alert">
          {fault.message}
        </p>
      )}
    </div>
  );
}
