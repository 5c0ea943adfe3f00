/** Takes out of a URL what may be secret, and leaves the names. */

import { REDACTED } from './span-rules.ts';

/**
 * Masks the values in the query and in the fragment, and who is to log in before the host: `/a?q=x#t=y` becomes
 * `/a?q=REDACTED#t=REDACTED`.
 */
export function scrubUrl(url: string): string {
  const clean = url.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i, (_, scheme: string | undefined) => {
    return `${scheme ?? ''}//${REDACTED}@`;
  });
  const query = clean.search(/[?#]/);
  return query === -1 ? clean : clean.slice(0, query) + scrubQuery(clean.slice(query));
}

/** The same of a query by itself. */
export function scrubQuery(query: string): string {
  return query.replace(/=[^&#]+/g, `=${REDACTED}`);
}
