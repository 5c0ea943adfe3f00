/** Has the page's own rule see what would be recorded. */

import type { SpanDataValue } from '../../model/span-data.ts';
import type { OpenRecordable } from '../recorder/recordable.ts';
import { QUIET, runIn } from './context.ts';
import type { InitOptions } from './options.ts';

/** Changes a span's attributes, and those of its events and links, by `redact`, in place; false where it throws. */
export function redactWith(redact: NonNullable<InitOptions['redact']>): (span: OpenRecordable) => boolean {
  // Keys and values in turn.
  const change = (list: SpanDataValue[]) => {
    const all = list.splice(0);
    for (let i = 0; i < all.length; i += 2) {
      const kept = redact(all[i] as string, all[i + 1]!);
      if (kept !== undefined && kept !== null) list.push(all[i]!, kept);
    }
  };
  return ({ attributes, events, links }) => {
    try {
      runIn(QUIET, () => {
        for (const list of [attributes, ...[...events, ...links].map((item) => item.attributes)])
          change(list as SpanDataValue[]);
      });
      return true;
    } catch {
      return false;
    }
  };
}
