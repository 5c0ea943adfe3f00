import type { ComponentChildren } from 'preact';
import type { Span, SpanEvent } from '../../model/span.ts';
import { serviceOf } from '../../model/tree.ts';
import { spanRange } from '../logic/bars.ts';
import { formatDuration } from '../logic/duration.ts';
import { formatTracePath } from '../logic/route.ts';
import { formatTime } from '../logic/time.ts';
import { CopyButton } from '../parts/copy-button.tsx';
import { Icon } from '../parts/icon.tsx';
import { ServiceName } from '../parts/service-name.tsx';
import { AttributeTable } from './attribute-table.tsx';
import type { TraceState } from './trace-state.ts';

/** Everything that is known of the active span. */
export function Details({ state }: { state: TraceState }) {
  const node = state.active.value;
  const span = state.tree.value.spans[node];
  if (span === undefined) return null;
  const range = spanRange(span, state.bounds.value);
  return (
    <aside class="details" aria-label="Span details">
      <header>
        <div>
          <h2>{span.name}</h2>
          <p class="sub">
            <ServiceName name={serviceOf(span)} /> <span class="tag">{span.kind}</span>
            {span.state !== 'ended' && <span class={`tag ${span.state}`}>{span.state}</span>}
          </p>
        </div>
        <button
          type="button"
          class="icon-button"
          aria-label="Close details"
          title="Close (Esc)"
          onClick={() => {
            state.detailsOpen.value = false;
          }}
        >
          <Icon name="close" />
        </button>
      </header>
      <dl class="facts">
        <div>
          <dt>Starts at</dt>
          <dd title={formatTime(span.startUs)}>{formatDuration(range.startUs)}</dd>
        </div>
        <div>
          <dt>Duration</dt>
          <dd>{span.durationUs === undefined ? 'no end received' : formatDuration(span.durationUs)}</dd>
        </div>
        <div>
          <dt>Children</dt>
          <dd>{countChildren(state, node)}</dd>
        </div>
      </dl>
      <Status span={span} />
      <Section title="Attributes" count={Object.keys(span.attributes).length}>
        <AttributeTable attributes={span.attributes} />
      </Section>
      <Section title="Events" count={span.events.length}>
        {span.events.map((event, index) => (
          <EventEntry key={index} event={event} span={span} />
        ))}
      </Section>
      <Section title="Links" count={span.links.length}>
        {span.links.map((link, index) => (
          <div class="entry" key={index}>
            <a href={formatTracePath(link.traceId, link.spanId)}>
              <Icon name="link" /> <code>{link.traceId}</code> / <code>{link.spanId}</code>
            </a>
            <AttributeTable attributes={link.attributes} />
          </div>
        ))}
      </Section>
      <Section title="Resource" count={Object.keys(span.resource.attributes).length}>
        <AttributeTable attributes={span.resource.attributes} />
      </Section>
      <Section title="Identity" count={1}>
        <Identity state={state} span={span} />
      </Section>
    </aside>
  );
}

function Section({ title, count, children }: { title: string; count: number; children: ComponentChildren }) {
  if (count === 0) return null;
  return (
    <details open>
      <summary>
        <Icon name="chevron" /> {title} {title !== 'Identity' && <span class="count">{count}</span>}
      </summary>
      {children}
    </details>
  );
}

function Status({ span }: { span: Span }) {
  if (span.status.code !== 'error' && span.status.message === undefined) return null;
  return (
    <p class={`status ${span.status.code}`}>
      <Icon name={span.status.code === 'error' ? 'error' : 'check'} />
      <span>
        <strong>{span.status.code === 'error' ? 'Error' : 'Status'}</strong> {span.status.message}
      </span>
    </p>
  );
}

function EventEntry({ event, span }: { event: SpanEvent; span: Span }) {
  return (
    <div class={`entry ${event.name === 'exception' ? 'exception' : ''}`}>
      <p>
        <strong>{event.name}</strong>{' '}
        <span class="muted" title={formatTime(event.timeUs)}>
          {formatDuration(event.timeUs - span.startUs)} into the span
        </span>
      </p>
      <AttributeTable attributes={event.attributes} />
    </div>
  );
}

function Identity({ state, span }: { state: TraceState; span: Span }) {
  const parent = span.parentSpanId;
  const known = parent !== undefined && state.tree.value.spans.some((other) => other.spanId === parent);
  return (
    <dl class="identity">
      <dt>Span id</dt>
      <dd>
        <code>{span.spanId}</code> <CopyButton text={span.spanId} what="span id" />
      </dd>
      <dt>Parent</dt>
      <dd>
        {parent === undefined ? (
          <span class="muted">none, this is a root span</span>
        ) : known ? (
          <button type="button" class="link" onClick={() => state.activateSpan(parent)}>
            <code>{parent}</code>
          </button>
        ) : (
          <>
            <code>{parent}</code> <span class="muted">not received</span>
          </>
        )}
      </dd>
      <dt>Trace id</dt>
      <dd>
        <code>{span.traceId}</code> <CopyButton text={span.traceId} what="trace id" />
      </dd>
      <dt>Scope</dt>
      <dd>
        {span.scope.name || <span class="muted">none</span>} {span.scope.version}
      </dd>
    </dl>
  );
}

/** The direct children; grandchildren are skipped a subtree at a time. */
function countChildren(state: TraceState, node: number): number {
  const { end } = state.tree.value;
  let count = 0;
  for (let child = node + 1; child < end[node]!; child = end[child]!) count++;
  return count;
}
