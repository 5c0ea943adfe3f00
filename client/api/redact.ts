/** Has the page's own rule see what would be recorded. */

import type { SpanDataValue } from '../../model/span-data.ts';
import type { OpenRecordable } from '../recorder/recordable.ts';
import { QUIET, runIn } from './context.ts';
import type { InitOptions } from './options.ts';

type Pairs = [key: string, value: SpanDataValue][];

/** Changes a span's attributes, and those of its events and links, by `redact`, in place. */
export function redactWith(redact: NonNullable<InitOptions['redact']>): (span: OpenRecordable) => void {
  const change = (pairs: Pairs) => {
    for (const [key, value] of pairs.splice(0)) {
      const kept = redact(key, value);
      if (kept !== undefined && kept !== null) pairs.push([key, kept]);
    }
  };
  return ({ attributes, events, links }) =>
    runIn(QUIET, () => {
      for (const list of [attributes, ...[...events, ...links].map((item) => item.attributes)]) change(list as Pairs);
    });
}
