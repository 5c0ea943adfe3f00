/** Takes out of a URL what may be secret, and leaves the names. */

import { REDACTED } from './span-rules.ts';

/**
 * Masks the values in the query, in the fragment and in the path's parameters, and who is to log in before a host: `/a;s=1?q=x#t=y`
 * becomes `/a;s=REDACTED?q=REDACTED#t=REDACTED`. As lenient as browsers in what a URL is, which may also stand in another's path.
 */
export function scrubUrl(url: string): string {
  const clean = url.replace(/([/\\]{2}|^\s*https?:[/\\]?)[^/\\?#]+@/gi, `$1${REDACTED}@`);
  const found = clean.search(/[?#]/);
  const query = found === -1 ? clean.length : found;
  const path = clean.slice(0, query).replace(/(;[^;=/]*=)[^;/]+/g, `$1${REDACTED}`);
  return path + scrubQuery(clean.slice(query));
}

/** The same of a query by itself. */
export function scrubQuery(query: string): string {
  return query.replace(/=[^&#]+/g, `=${REDACTED}`);
}
