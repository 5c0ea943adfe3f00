/** Where spans go that nobody is to hear of. */

import type { SpanSink } from '../recorder/recordable.ts';

export const SILENCE: SpanSink = {
  segmentUs: () => 0,
  nowUs: () => 0,
  sampling: null,
  onStart() {},
  onEnd() {},
  onDrop() {},
  onIgnored() {},
  ready: async () => {},
};
