/** The span the calling code runs in. Apart from the storage: its types are Node's, which users need not have. */

import { activeSpan } from './active-span.ts';
import { NOOP_SPAN, type Span } from './span.ts';

/** The server span, or that of the innermost `withSpan`. Outside a traced request one that does nothing. */
export function currentSpan(): Span {
  return activeSpan.getStore()?.span ?? NOOP_SPAN;
}
