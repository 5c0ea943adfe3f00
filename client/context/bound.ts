/** Callbacks that go on in the context they were given in. */

import { activeContext, bindTo, leftPending } from '../api/context.ts';

/** A callback in the context of now; anything else, and where nothing is active, as it is. */
export function bound<T>(callback: T): T {
  const context = activeContext();
  return typeof callback === 'function' && context ? (bindTo(context, callback as never, leftPending) as T) : callback;
}
