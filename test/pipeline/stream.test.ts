/** A sender on `/v1/stream` that keeps to its credit, while the edge is killed under it: nothing acknowledged is lost. */
import { expect, it } from 'vitest';
import { type SpawnedEdge, spawnEdge } from '../kit/edge.ts';
import { otlp, randomTraceId } from '../kit/spans.ts';
import { tempDir } from '../kit/temp-dir.ts';
import { getTrace, inParallel } from './fixtures/edge-answers.ts';

interface Answer {
  readonly seq?: number;
  readonly status?: string;
  readonly credit: { readonly messages: number; readonly bytes: number };
}

const SPANS = 20;

/** Sends what `next` gives as long as there is credit; resolves when the socket is gone. Calls `accepted` with each acknowledged trace. */
function stream(url: string, next: () => string | null, accepted: (id: string) => void): Promise<string[]> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, 'tailrace.stream.v1');
  const sent: string[] = [];
  let sentBytes = 0;
  let last = 0;
  return new Promise((resolve) => {
    socket.onmessage = ({ data }) => {
      const { seq, status, credit } = JSON.parse(data) as Answer;
      if (seq !== undefined) {
        expect(seq).toBe(++last);
        if (status === 'accepted') accepted(sent[seq - 1]!);
      }
      while (sent.length < credit.messages && sentBytes < credit.bytes - 100_000) {
        const id = next();
        if (id === null) {
          if (sent.length === last) socket.close();
          return;
        }
        sent.push(id);
        const message = otlp(Array.from({ length: SPANS }, (_, i) => ({ traceId: id, id: i + 1 })));
        sentBytes += message.length;
        socket.send(message as Uint8Array<ArrayBuffer>);
      }
    };
    // What has no answer is to be sent again.
    socket.onclose = () => resolve(sent.slice(last));
    socket.onerror = () => resolve(sent.slice(last));
  });
}

it('loses nothing that was acknowledged when the edge is killed, and nothing at all when the rest is sent again', async () => {
  using state = tempDir();
  const ids = Array.from({ length: 900 }, randomTraceId);
  const accepted = new Set<string>();
  let queue = [...ids];
  let edge: SpawnedEdge = await spawnEdge({ stateDir: state.path });
  let kills = 0;
  let streams = 0;
  try {
    while (queue.length > 0) {
      streams++;
      const isKilled = kills < 2;
      const goal = accepted.size + 100;
      let killing: Promise<void> | null = null;
      const unanswered = await stream(
        edge.url,
        () => queue.shift() ?? null,
        (id) => {
          accepted.add(id);
          if (isKilled && accepted.size === goal) killing = edge.kill();
        },
      );
      queue = [...unanswered, ...queue];
      if (!killing) continue;
      await killing;
      kills++;
      edge = await spawnEdge({ stateDir: state.path });
      // What was acknowledged before is there.
      await inParallel([...accepted], async (id) => expect((await getTrace(edge.url, id)).spans).toHaveLength(SPANS));
    }
    expect(kills).toBe(2);
    // A stream ends by itself after its share of calls: there were several.
    expect(streams).toBeGreaterThan(4);
    expect(accepted.size).toBe(ids.length);
    await inParallel(ids, async (id) => expect((await getTrace(edge.url, id)).spans).toHaveLength(SPANS));
  } finally {
    await edge.close();
  }
});
