/** What the views of services are about: a service or none, one of its operations or none, and a time. It lives in the page's URL. */

import { type PageRange, parsePageRange, rangeOf, rangeParameters } from './page-range.ts';

export interface ServiceQuery {
  /** Empty: all. */
  readonly service: string;
  readonly operation: string;
  readonly range: PageRange;
}

export function parseServiceQuery(search: string): ServiceQuery {
  const parameters = new URLSearchParams(search);
  const service = parameters.get('service') ?? '';
  return { service, operation: service && (parameters.get('operation') ?? ''), range: parsePageRange(parameters) };
}

/** The page's address; `parseServiceQuery` reads it back. */
export function formatServicePath(
  view: 'services' | 'map',
  { range, ...names }: Pick<ServiceQuery, 'range'> & Partial<ServiceQuery>,
): string {
  const parameters = new URLSearchParams();
  if (names.service) parameters.set('service', names.service);
  if (names.service && names.operation) parameters.set('operation', names.operation);
  for (const [name, value] of rangeParameters(range)) parameters.set(name, value);
  const text = parameters.toString();
  return `/${view}${text === '' ? '' : `?${text}`}`;
}

/** `start` and `end` for the API. */
export function windowParameters(range: PageRange, nowUs: number): URLSearchParams {
  const { startUs, endUs } = rangeOf(range, nowUs);
  return new URLSearchParams({ start: String(startUs), end: String(endUs) });
}
