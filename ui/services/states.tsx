/** What views of services show while there is nothing to show. */

import { Notice } from '../parts/notice.tsx';

/** `service`: the one that was asked for, where it was one. */
export function NoServices({ service }: { service?: string }) {
  return (
    <Notice
      title={service === undefined ? 'No service was counted in this time' : `${service} was not counted in this time`}
    >
      <p>
        A trace is counted once it is decided, some seconds after its last span. Try a longer time, or look for{' '}
        <a href="/">traces</a> that are still live.
      </p>
    </Notice>
  );
}

export function LoadingTable() {
  return (
    <section class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: 6 }, (_, row) => (
        <div key={row} style={{ '--row': row }} />
      ))}
    </section>
  );
}
