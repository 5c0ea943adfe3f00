/** The process `spawnEdge` starts: the edge until its parent lets go of the channel, ends, or kills it. */
import { type LocalOptions, startLocal } from '../../scripts/local.ts';

/** Sent once to the parent, when requests are answered. */
export interface EdgeReport {
  readonly url: string;
}

const edge = await startLocal(JSON.parse(process.argv[2]!) as LocalOptions);
process.once('disconnect', () => void edge.close());
process.send!({ url: edge.url } satisfies EdgeReport);
