/** The pieces of a TraceQL query, by the names that Tempo's errors have for them. */

import { SPAN_KINDS, STATUS_CODES } from '../span.ts';
import { AGGREGATES, METRICS, SERIES_LIMITS, SPANSET_OPERATORS } from './ast.ts';

export type Token =
  | { readonly type: 'INTEGER' | 'FLOAT' | 'DURATION'; readonly at: Place; readonly value: number }
  | { readonly type: 'STRING' | 'IDENTIFIER'; readonly at: Place; readonly text: string }
  /** What cannot be a token; it is reported when the parser gets here. */
  | { readonly type: 'ERROR'; readonly at: Place; readonly text: string }
  /** An operator or a word, which is its own name; `END_ATTRIBUTE` or `$end`. */
  | { readonly type: 'word'; readonly at: Place; readonly text: string };

export interface Place {
  /** In UTF-16 units. */
  readonly offset: number;
  /** Put together from several pieces: Tempo has lost the line by then. */
  readonly joined: boolean;
}

/** Prefixes of attributes and of scoped intrinsics. */
export const ATTRIBUTE_PREFIXES = ['.', 'parent.', 'resource.', 'span.', 'event.', 'link.', 'instrumentation.'];
export const SCOPE_PREFIXES = ['trace:', 'span:', 'event:', 'link:', 'instrumentation:'];

/** All that are their own names; each longer one is one that is there too and a character more, or begins with a word. */
export const WORDS: ReadonlySet<string> = new Set([
  ...[',', '{', '}', '(', ')', '=', '!=', '=~', '>=', '<=', '+', '-', '/', '%', '*', '^', '!', '|'],
  ...SPANSET_OPERATORS,
  ...ATTRIBUTE_PREFIXES,
  ...SCOPE_PREFIXES,
  ...['true', 'false', 'nil'],
  ...STATUS_CODES,
  ...SPAN_KINDS,
  ...[
    'duration',
    'childCount',
    'name',
    'status',
    'statusMessage',
    'kind',
    'rootName',
    'rootServiceName',
    'rootService',
  ],
  ...['traceDuration', 'nestedSetLeft', 'nestedSetRight', 'nestedSetParent', 'parent', 'id', 'traceID', 'spanID'],
  ...['parentID', 'timeSinceStart', 'version', 'by', 'coalesce', 'select', 'with', 'compare'],
  ...AGGREGATES,
  ...METRICS,
  ...SERIES_LIMITS,
]);

/** As an error names it. */
export function nameOf(token: Token): string {
  return token.type === 'word' ? token.text : token.type;
}
