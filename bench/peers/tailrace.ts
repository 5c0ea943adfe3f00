/** Tailrace as the peers benchmark asks it: four shards, without the page. */

import { setTimeout } from 'node:timers/promises';
import type { Trace } from '../../model/span.ts';
import { spawnEdge } from '../../test/kit/edge.ts';
import { metric } from '../measure.ts';
import type { Peer } from './peer.ts';
import { childrenOf } from './process.ts';

export const tailrace: Peer = {
  name: 'Tailrace, 4 shards',
  start: async (stateDir) => {
    const { url, pid, kill, close } = await spawnEdge({
      stateDir,
      assets: false,
      vars: { TAILRACE_OPEN: '1', TAILRACE_CONFIG: JSON.stringify({ shards: 4 }) },
    });
    return {
      url,
      pids: childrenOf(pid, 'workerd'),
      settled: async () => {
        for (let attempt = 0; attempt < 120; attempt++) {
          const live = await metric(url, 'tailrace_live_spans');
          if (live + (await metric(url, 'tailrace_outbox_spans')) === 0) return;
          await setTimeout(500);
        }
        throw new Error('a minute after the load there were still traces to decide or to store');
      },
      keptTraces: () => metric(url, 'tailrace_parts_stored_total'),
      spanCounts: (ids) => Promise.all(ids.map((id) => keptSpans(url, id))),
      kill,
      close,
    };
  },
};

async function keptSpans(url: string, id: string): Promise<number> {
  const answer = await fetch(`${url}/api/traces/${id}`);
  const { state, spans } = (answer.ok ? await answer.json() : { spans: [] }) as Partial<Trace>;
  return state === 'kept' ? spans!.length : 0;
}
