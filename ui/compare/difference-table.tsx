import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import type { CompareAnswer, ComparedSpan } from '../../model/difference.ts';
import { type ComparedRow, compareRows, countKinds, DIFFERENCES, type DifferenceKind } from '../logic/comparison.ts';
import { formatDuration } from '../logic/duration.ts';
import { formatTracePath } from '../logic/route.ts';
import { Icon } from '../parts/icon.tsx';
import { ServiceName } from '../parts/service-name.tsx';

const NAMES: Readonly<Record<DifferenceKind, string>> = {
  slower: 'Slower in B',
  faster: 'Faster in B',
  onlyInA: 'Only in A',
  onlyInB: 'Only in B',
  same: 'About the same',
};
/** Rows drawn before somebody asks for all. */
const FIRST_ROWS = 200;

/** The spans of both, the greatest differences first. Those that are about the same are shown on demand. */
export function DifferenceTable({ answer }: { answer: CompareAnswer }) {
  const rows = useMemo(() => compareRows(answer), [answer]);
  const counts = countKinds(rows);
  const hasDifference = counts.same < rows.length;
  const kinds = useSignal<ReadonlySet<DifferenceKind>>(
    new Set(DIFFERENCES.filter((kind) => kind !== 'same' || !hasDifference)),
  );
  const all = useSignal(false);
  const chosen = rows.filter(({ kind }) => kinds.value.has(kind));
  const shown = all.value ? chosen : chosen.slice(0, FIRST_ROWS);
  const longest = rows.reduce((most, row) => Math.max(most, row.a?.durationUs ?? 0, row.b?.durationUs ?? 0), 1);
  return (
    <section aria-label="Differences">
      <div class="kinds">
        {DIFFERENCES.map((kind) => (
          <button
            type="button"
            key={kind}
            class={`chip kind ${kind}`}
            aria-pressed={kinds.value.has(kind)}
            disabled={counts[kind] === 0}
            onClick={() => {
              const next = new Set(kinds.value);
              if (!next.delete(kind)) next.add(kind);
              kinds.value = next;
            }}
          >
            {NAMES[kind]} <strong>{counts[kind].toLocaleString('en')}</strong>
          </button>
        ))}
      </div>
      {!hasDifference && <p class="nothing">Both have the same spans, and none took much longer in one of them.</p>}
      {shown.length > 0 && (
        <div class="table-box">
          <table class="sort-table differences">
            <caption class="visually-hidden">Spans of both traces, the greatest differences first</caption>
            <thead>
              <tr>
                <th scope="col">Span</th>
                <th scope="col">A</th>
                <th scope="col">B</th>
                <th scope="col">Difference</th>
                <th scope="col">What changed</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((row) => (
                <Row key={row.key} row={row} answer={answer} longest={longest} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {shown.length < chosen.length && (
        <button
          type="button"
          class="button more"
          onClick={() => {
            all.value = true;
          }}
        >
          Show all {chosen.length.toLocaleString('en')}
        </button>
      )}
    </section>
  );
}

function Row({ row, answer, longest }: { row: ComparedRow; answer: CompareAnswer; longest: number }) {
  return (
    <tr class={row.kind}>
      <th scope="row">
        <span class="depth" title={`Level ${row.depth + 1} of the tree`}>
          {row.depth + 1}
        </span>{' '}
        <ServiceName name={row.service} /> {row.name}
      </th>
      <Cell span={row.a} traceId={answer.a.traceId} longest={longest} />
      <Cell span={row.b} traceId={answer.b.traceId} longest={longest} />
      <td class="longer">
        {row.longerUs === null ? '–' : `${row.longerUs > 0 ? '+' : ''}${formatDuration(row.longerUs)}`}
      </td>
      <td class="text">{describeChange(row)}</td>
    </tr>
  );
}

function Cell({ span, traceId, longest }: { span: ComparedSpan | null; traceId: string; longest: number }) {
  if (span === null) return <td class="absent">not there</td>;
  const failed = span.status === 'error';
  return (
    <td>
      <a href={formatTracePath(traceId, span.spanId)} class={failed ? 'error-share' : ''}>
        {failed && <Icon name="error" />}
        {failed && <span class="visually-hidden">failed, </span>}
        {span.durationUs === undefined ? 'no end' : formatDuration(span.durationUs)}
      </a>
      <span class="meter">
        <span style={{ width: `max(1px, ${(100 * (span.durationUs ?? 0)) / longest}%)` }} />
      </span>
    </td>
  );
}

function describeChange({ kind, a, b, statusChanged, attributes }: ComparedRow): string {
  const parts: string[] = [];
  if (kind === 'onlyInA') parts.push('missing in B');
  if (kind === 'onlyInB') parts.push('added in B');
  if (statusChanged) parts.push(`status ${a!.status} → ${b!.status}`);
  if (attributes) {
    const { onlyInA, onlyInB, changed } = attributes;
    const counts = [
      changed > 0 ? `${changed} changed` : '',
      onlyInB > 0 ? `${onlyInB} added` : '',
      onlyInA > 0 ? `${onlyInA} missing` : '',
    ];
    parts.push(`attributes: ${counts.filter((text) => text !== '').join(', ')}`);
  }
  return parts.join('; ');
}
