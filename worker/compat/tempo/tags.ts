/**
 * Names and values of tags. There is no list of all that were ever sent: they are those of the newest traces of the range,
 * but services and operations, which the shards know all of.
 */

import type { Context } from 'hono';
import type { Env } from '../../../durable-objects/env.ts';
import { MAX_TEMPO_TAG_TRACES } from '../../../model/limits.ts';
import { SPAN_KINDS, type Span, STATUS_CODES } from '../../../model/span.ts';
import { type Field, INTRINSICS, type Query } from '../../../model/traceql/ast.ts';
import { fieldValue } from '../../../model/traceql/field-value.ts';
import { parseIdentifier, parseTraceQL } from '../../../model/traceql/parse.ts';
import type { TraceView } from '../../../model/traceql/trace-view.ts';
import { TraceQLError } from '../../../model/traceql/traceql-error.ts';
import { formatValue, type Literal } from '../../../model/traceql/value.ts';
import type { RouteDeps } from '../../query/service-routes.ts';
import { listOperations } from '../../query/services.ts';
import { GoError, parseGoInt } from '../go-text.ts';
import { type Params, parseTagsRange } from './params.ts';
import { findMatching } from './search.ts';
import { badRequest } from './tempo-error.ts';

type C = Context<{ Bindings: Env }>;

const TAG_SCOPES = ['resource', 'span', 'event', 'link'] as const;
type TagScope = (typeof TAG_SCOPES)[number];

/** What a name may be asked of besides attributes; of the last two Tempo has some that our spans have not. */
const KNOWN_SCOPES = [...TAG_SCOPES, 'intrinsic', 'instrumentation', 'trace', 'none'];

/** Intrinsics by all their names, as Tempo lists them. */
const INTRINSIC_TAGS = [
  ...Object.keys(INTRINSICS).filter(
    (name) => !['parent', 'childCount', 'trace:id'].includes(name) && !/^(nested|span:|link:)/.test(name),
  ),
  ...['span:duration', 'span:kind', 'span:name', 'span:status', 'span:statusMessage'],
  ...['trace:duration', 'trace:rootName', 'trace:rootService'],
].sort();

interface Scope {
  readonly name: string;
  readonly tags: readonly string[];
}

/** The answer of `/api/v2/search/tags`. */
export async function listTagsByScope(c: C, deps: RouteDeps, params: Params) {
  const { scopes, bytes } = await readScopes(c, deps, params);
  return { scopes: scopes.filter(({ tags }) => tags.length > 0), metrics: { inspectedBytes: String(bytes) } };
}

/** The answer of `/api/search/tags`: intrinsics only where they are asked for. */
export async function listTags(c: C, deps: RouteDeps, params: Params) {
  const { scopes, bytes } = await readScopes(c, deps, params);
  const wanted = scopes.filter(({ name }) => name !== 'intrinsic' || params.scope === 'intrinsic');
  const tagNames = [...new Set(wanted.flatMap(({ tags }) => tags))].sort();
  return { tagNames, metrics: { inspectedBytes: String(bytes) } };
}

async function readScopes(c: C, deps: RouteDeps, params: Params): Promise<{ scopes: Scope[]; bytes: number }> {
  const scope = params.scope || 'none';
  if (!KNOWN_SCOPES.includes(scope)) throw badRequest(`invalid scope: ${scope}`);
  const limit = parseLimit(params);
  const intrinsic = { name: 'intrinsic', tags: INTRINSIC_TAGS };
  if (scope === 'intrinsic') return { scopes: [intrinsic], bytes: 0 };
  const wanted = TAG_SCOPES.filter((name) => scope === 'none' || scope === name);
  const names = new Map(wanted.map((name) => [name, new Set<string>()]));
  const bytes = await readNewest(c, deps, params, (view, row) => {
    for (const [name, known] of names) addNames(known, view.tree.spans[row]!, name);
  });
  const scopes = [...names].map(([name, known]) => ({ name, tags: [...known].sort().slice(0, limit) }));
  return { scopes: scope === 'none' ? [...scopes, intrinsic] : scopes, bytes };
}

/** The answer of `/api/v2/search/tag/{tag}/values`. Throws HttpError 400. */
export async function listTypedValues(c: C, deps: RouteDeps, tag: string, params: Params) {
  const { values, bytes } = await readValues(c, deps, fieldOf(tag), params);
  const tagValues = values.map((value) => ({ type: TYPES[value.type], value: formatValue(value) }));
  return { tagValues, metrics: { inspectedBytes: String(bytes) } };
}

/** The answer of `/api/search/tag/{tag}/values`: an attribute of spans or resources, or an intrinsic, by its bare name. */
export async function listValues(c: C, deps: RouteDeps, tag: string, params: Params) {
  const isIntrinsic = Object.hasOwn(INTRINSICS, tag);
  const field: Field = isIntrinsic
    ? (parseIdentifier(tag) as Field)
    : { kind: 'attribute', scope: 'none', ofParent: false, name: tag };
  const { values, bytes } = await readValues(c, deps, field, params);
  return { tagValues: values.map((value) => formatValue(value)), metrics: { inspectedBytes: String(bytes) } };
}

/** As Tempo names types; of what has a fixed list of words, it says no more. */
const TYPES: Readonly<Record<Literal['type'], string>> = {
  ...{ string: 'string', int: 'int', float: 'float', bool: 'bool', duration: 'duration' },
  ...{ status: 'keyword', kind: 'keyword', nil: 'nil' },
};

function fieldOf(tag: string): Field {
  try {
    return parseIdentifier(tag);
  } catch (error) {
    if (error instanceof TraceQLError) {
      throw badRequest(`please provide a valid tagName: failed to parse identifier ${tag}: ${error.message}`);
    }
    throw error;
  }
}

/** Each value once, in order. */
async function readValues(c: C, deps: RouteDeps, field: Field, params: Params) {
  const limit = parseLimit(params);
  const listed = filterOf(params) === null ? await listKnown(c, deps, field) : null;
  if (listed !== null) return { values: listed.slice(0, limit), bytes: 0 };
  const values = new Map<string, Literal>();
  const bytes = await readNewest(c, deps, params, (view, row) => {
    const value = fieldValue(field, view, row);
    for (const one of value.type === 'many' ? value.values : [value]) {
      if (one.type !== 'nil' && one.type !== 'other') values.set(`${one.type} ${formatValue(one)}`, one);
    }
  });
  const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  return { values: sorted.slice(0, limit), bytes };
}

/** All values, where there is a list of them; null where there is none. */
async function listKnown(c: C, deps: RouteDeps, field: Field): Promise<Literal[] | null> {
  if (field.kind === 'intrinsic' && field.name === 'status') {
    return STATUS_CODES.map((value) => ({ type: 'status', value }));
  }
  if (field.kind === 'intrinsic' && field.name === 'kind') return SPAN_KINDS.map((value) => ({ type: 'kind', value }));
  const isService = field.kind === 'attribute' && field.name === 'service.name' && field.scope !== 'span';
  if (!isService && !(field.kind === 'intrinsic' && field.name === 'name')) return null;
  const operations = await listOperations(c.env, await deps.config(c));
  const names = operations.map(({ service, name }) => (isService ? service : name));
  return [...new Set(names)].sort().map((value) => ({ type: 'string', value }));
}

/** Visits the spans that the filter leaves in the newest traces of the range; how many bytes these are. */
async function readNewest(c: C, deps: RouteDeps, params: Params, visit: (view: TraceView, row: number) => void) {
  const request = {
    ...parseTagsRange(params, deps.now()),
    query: filterOf(params) ?? EVERYTHING,
    tags: [],
    limit: MAX_TEMPO_TAG_TRACES,
    spansPerSpanset: 0,
  };
  const { read } = await findMatching(c, deps, request, ({ match }) => {
    for (const { rows } of match?.spansets ?? []) for (const row of rows) visit(match!.view, row);
  });
  return read.bytes;
}

const EVERYTHING = parseTraceQL('{}');

/** What `q` leaves; null where it leaves all. What is half written does too, as people write it while they ask. */
function filterOf({ q }: Params): Query | null {
  if (!q || /^\{\s*(true\s*)?\}$/.test(q)) return null;
  try {
    return parseTraceQL(q);
  } catch (error) {
    if (error instanceof TraceQLError) return null;
    throw error;
  }
}

function addNames(known: Set<string>, span: Span, scope: TagScope): void {
  for (const attributes of attributesOf(span, scope)) for (const name of Object.keys(attributes)) known.add(name);
}

function attributesOf(span: Span, scope: TagScope) {
  switch (scope) {
    case 'resource':
      return [span.resource.attributes];
    case 'span':
      return [span.attributes];
    case 'event':
      return span.events.map(({ attributes }) => attributes);
    case 'link':
      return span.links.map(({ attributes }) => attributes);
  }
}

/** How many names or values there may be; no bound where none, or 0, is given. */
function parseLimit({ limit }: Params): number {
  if (!limit) return Number.POSITIVE_INFINITY;
  try {
    return parseGoInt(limit, 'Atoi') || Number.POSITIVE_INFINITY;
  } catch (error) {
    if (error instanceof GoError) throw badRequest(`invalid limit: ${error.message}`);
    throw error;
  }
}
