/** Where spans go that nobody is to hear of. */

import type { SpanSink } from '../recorder/recordable.ts';

export const SILENCE: SpanSink = { nowUs: () => 0, onStart() {}, onEnd() {}, onIgnored() {}, ready: async () => {} };
