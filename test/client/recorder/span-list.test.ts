import { expect, it } from 'vitest';
import type { OpenRecordable } from '../../../client/recorder/recordable.ts';
import { SpanList } from '../../../client/recorder/span-list.ts';

const span = (name: string, endUs: number | null) => ({ name, endUs, next: null }) as unknown as OpenRecordable;
const isOpen = ({ endUs }: OpenRecordable) => endUs === null;

/** Names of what is in the list. */
function namesIn(list: SpanList): string[] {
  const names: string[] = [];
  list.sweep(({ name }) => names.push(name) > 0);
  return names;
}

it('stays whole when what user code does within a sweep ends spans and sweeps too', () => {
  const list = new SpanList();
  const [a, b, c] = [span('a', null), span('b', 1), span('c', 1)];
  for (const one of [a, b, c]) list.add(one);
  list.sweep((one) => {
    if (one === b) {
      Object.assign(a, { endUs: 2 });
      list.sweep(isOpen);
    }
    return isOpen(one);
  });
  expect([list.isEmpty, namesIn(list)]).toEqual([true, []]);
  for (const name of ['d', 'e']) list.add(span(name, null));
  expect([list.isEmpty, namesIn(list)]).toEqual([false, ['d', 'e']]);
});

it('goes on after a sweep within that has left its place', () => {
  const list = new SpanList();
  for (const [name, endUs] of [
    ['a', null],
    ['b', 1],
    ['c', null],
    ['d', 1],
  ] as const)
    list.add(span(name, endUs));
  const seen: string[] = [];
  list.sweep((one) => {
    seen.push(one.name);
    if (one.name === 'c') list.sweep(isOpen);
    return isOpen(one);
  });
  expect(seen).toEqual(['a', 'b', 'c']);
  list.add(span('e', null));
  expect(namesIn(list)).toEqual(['a', 'c', 'e']);
});
