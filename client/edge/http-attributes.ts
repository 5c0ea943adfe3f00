/**
 * Attributes of HTTP spans as OpenTelemetry's semantic conventions name them
 * (https://opentelemetry.io/docs/specs/semconv/http/http-spans/), and what Cloudflare's own tracing adds
 * (https://developers.cloudflare.com/workers/observability/traces/spans-and-attributes/).
 */

import type { SpanDataValue } from '../../model/span-data.ts';

type AttributeList = [key: string, value: SpanDataValue][];

const KNOWN_METHODS = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
]);
/** Query parameters that carry credentials; the first four are the ones the conventions name. */
const SECRET_PARAMETERS =
  /([?&](?:AWSAccessKeyId|Signature|sig|X-Goog-Signature|X-Amz-Signature|key|api_?key|token|access_token|password|secret)=)[^&]*/gi;

/** The span name's first word: the method, or `HTTP` when it is none that is known. */
export function methodName(method: string): string {
  return KNOWN_METHODS.has(method) ? method : 'HTTP';
}

/** What is known of a request a Worker answers before it is answered. */
export function serverAttributes(request: Request): AttributeList {
  const url = new URL(request.url);
  const attributes: AttributeList = [
    ...methodAttributes(request.method),
    ['url.scheme', url.protocol.slice(0, -1)],
    ['url.path', url.pathname],
    ['server.address', url.hostname],
    ['faas.trigger', 'http'],
  ];
  if (url.search !== '') attributes.push(['url.query', redactQuery(url.search).slice(1)]);
  if (url.port !== '') attributes.push(['server.port', Number(url.port)]);
  push(attributes, 'user_agent.original', request.headers.get('user-agent'));
  push(attributes, 'cloudflare.ray_id', request.headers.get('cf-ray'));
  const cf = request.cf as { colo?: unknown; httpProtocol?: unknown } | undefined;
  push(attributes, 'cloudflare.colo', cf?.colo);
  const version = typeof cf?.httpProtocol === 'string' ? /^HTTP\/(.+)$/.exec(cf.httpProtocol)?.[1] : undefined;
  push(attributes, 'network.protocol.version', version);
  return attributes;
}

/** What is known of a request a Worker makes; `binding` is the name of the service binding it goes through. */
export function clientAttributes(request: Request, binding: string | null): AttributeList {
  const url = new URL(request.url);
  const attributes: AttributeList = [...methodAttributes(request.method), ['url.full', redactUrl(url)]];
  if (binding !== null) {
    // A service binding ignores the host, so the peer is the binding.
    attributes.push(['cloudflare.binding.type', 'service'], ['cloudflare.binding.name', binding]);
  }
  attributes.push(['server.address', url.hostname]);
  const port = url.port !== '' ? Number(url.port) : url.protocol === 'https:' ? 443 : 80;
  attributes.push(['server.port', port]);
  return attributes;
}

function methodAttributes(method: string): AttributeList {
  if (KNOWN_METHODS.has(method)) return [['http.request.method', method]];
  return [
    ['http.request.method', '_OTHER'],
    ['http.request.method_original', method],
  ];
}

function redactUrl(url: URL): string {
  const credentials = url.username !== '' || url.password !== '' ? 'REDACTED:REDACTED@' : '';
  return `${url.protocol}//${credentials}${url.host}${url.pathname}${redactQuery(url.search)}`;
}

function redactQuery(search: string): string {
  return search.replace(SECRET_PARAMETERS, '$1REDACTED');
}

function push(attributes: AttributeList, key: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') attributes.push([key, value]);
}
