import type { ComponentChildren } from 'preact';
import type { Span, SpanEvent } from '../../model/span.ts';
import { serviceOf } from '../../model/tree.ts';
import { formatDuration } from '../logic/duration.ts';
import { explainClock, explainRank, nameRank } from '../logic/explain-span.ts';
import { movedClock } from '../logic/insight.ts';
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
  const range = state.rangeOf(node);
  const isSynthetic = state.tree.value.synthetic[node] === 1;
  return (
    <aside class="details" aria-label="Span details">
      <header>
        <div>
          <h2>{span.name}</h2>
          <p class="sub">
            {isSynthetic ? (
              <span class="tag">not received</span>
            ) : (
              <>
                <ServiceName name={serviceOf(span)} /> <span class="tag">{span.kind}</span>
              </>
            )}
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
      {isSynthetic ? (
        <p class="remark">
          This span did not come. Others name it as their parent, and it stands here over their time: its own start, end
          and name are not known.
        </p>
      ) : (
        <Told state={state} node={node} />
      )}
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

/** What the edge found out about the span. */
function Told({ state, node }: { state: TraceState; node: number }) {
  const insight = state.insight.value;
  const row = insight.rows[node];
  if (row === undefined) return null;
  const span = state.tree.value.spans[node]!;
  const rank = explainRank(row, insight.timeline!.operations);
  const clock = movedClock(insight, node);
  const networkUs = insight.networkUs.get(node);
  const gaps = insight.gaps.get(node) ?? [];
  return (
    <dl class="told">
      <dt title="How long it ran without a child of its own running">Self time</dt>
      <dd>
        {formatDuration(row.selfUs)}
        {!!row.durationUs && <span class="muted"> {Math.round((100 * row.selfUs) / row.durationUs)} %</span>}
      </dd>
      {row.criticalUs !== undefined && (
        <>
          <dt title="How long the trace waited for this span itself">Waited for</dt>
          <dd>
            {formatDuration(row.criticalUs)}
            <span class="muted">
              {' '}
              {Math.round((100 * row.criticalUs) / Math.max(1, state.totalUs.value))} % of the trace
            </span>
          </dd>
        </>
      )}
      {rank !== '' && (
        <>
          <dt title="Among the spans of its operation, kept or not">Usual</dt>
          <dd class={nameRank(row, insight.timeline!.operations) === '' ? '' : 'slow'}>{rank}</dd>
        </>
      )}
      {networkUs !== undefined && (
        <>
          <dt title="What the server’s span does not cover of this one: network, proxies, queues">Network</dt>
          <dd>{formatDuration(networkUs)}</dd>
        </>
      )}
      {gaps.length > 0 && (
        <>
          <dt title="Stretches in which none of its children ran">Gaps</dt>
          <dd>
            {gaps
              .slice(0, MAX_GAPS)
              .map(({ startUs, endUs }) => `${formatDuration(endUs - startUs)} from ${formatDuration(startUs)}`)
              .join(', ')}
            {gaps.length > MAX_GAPS && `, and ${gaps.length - MAX_GAPS} more`}
          </dd>
        </>
      )}
      {clock !== null && (
        <>
          <dt title="Calls between services rule out that this clock is right">Clock</dt>
          <dd>
            moved by {explainClock(clock)}; recorded at {formatTime(span.startUs)}
          </dd>
        </>
      )}
      {row.versions !== undefined && (
        <>
          <dt>Received</dt>
          <dd>{row.versions} times; the best version is shown</dd>
        </>
      )}
    </dl>
  );
}

/** Gaps of a span that are listed. */
const MAX_GAPS = 5;

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
  const { spans, synthetic } = state.tree.value;
  const known = parent !== undefined && spans.some((other, node) => other.spanId === parent && synthetic[node] === 0);
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
