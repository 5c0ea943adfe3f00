/** The configuration's limits and privacy rules in the form that spans are held to. Made once for a configuration. */

import { createHmac } from 'node:crypto';
import type { PrivacyConfig } from '../../durable-objects/config/privacy.ts';
import type { Config } from '../../durable-objects/config.ts';
import type { Env } from '../../durable-objects/env.ts';
import {
  type Action,
  DROP,
  HASH,
  KEEP,
  KnownKeys,
  MASK,
  SCRUB_QUERY,
  SCRUB_URL,
} from '../../model/otlp/key-actions.ts';
import { REDACTED, type SpanRules } from '../../model/otlp/span-rules.ts';
import { compilePattern } from '../../model/pattern.ts';
import { countRemoved } from '../counters.ts';

/** 64 bits: of a million different values two have the same with a chance of 1 in 40 million. */
const HASH_DIGITS = 16;

const QUERIES: Readonly<Record<string, Action>> = {
  'url.full': SCRUB_URL,
  'url.original': SCRUB_URL,
  'url.path': SCRUB_URL,
  'http.url': SCRUB_URL,
  'http.target': SCRUB_URL,
  'http.request.header.referer': SCRUB_URL,
  'http.response.header.location': SCRUB_URL,
  'url.query': SCRUB_QUERY,
  'url.fragment': SCRUB_QUERY,
};

const ACTIONS: Readonly<Record<PrivacyConfig['rules'][number]['do'], Action>> = { drop: DROP, mask: MASK, hash: HASH };

type RulesConfig = Pick<Config, 'ingest' | 'privacy'>;

let current: { readonly config: RulesConfig; readonly hashKey: string | undefined; readonly rules: SpanRules } | null =
  null;

/** The rules of a configuration. What keys a service has is forgotten when it changes. */
export function rulesOf(config: RulesConfig, env: Pick<Env, 'TAILRACE_HASH_KEY'>): SpanRules {
  const hashKey = env.TAILRACE_HASH_KEY;
  const { ingest, privacy } = config;
  if (current?.config.ingest === ingest && current.config.privacy === privacy && current.hashKey === hashKey) {
    return current.rules;
  }
  const rules: SpanRules = {
    limits: ingest,
    keys: new KnownKeys(compileActions(privacy), ingest.keys),
    hash: createHash(hashKey),
    removed: countRemoved,
  };
  current = { config: { ingest, privacy }, hashKey, rules };
  return rules;
}

function compileActions({ rules, scrubQueries }: PrivacyConfig): (key: string) => Action {
  const tests = rules.map(({ do: what, key: wanted, pattern }) => ({
    action: ACTIONS[what],
    matches: pattern === undefined ? (key: string) => key === wanted : compilePattern(pattern),
  }));
  return (key) => {
    const found = tests.find(({ matches }) => matches(key));
    if (found) return found.action;
    return scrubQueries && Object.hasOwn(QUERIES, key) ? QUERIES[key]! : KEEP;
  };
}

/** Without a key what is to be hashed is masked: anybody can hash all telephone numbers there are. */
function createHash(key: string | undefined): SpanRules['hash'] {
  if (!key) return () => REDACTED;
  return (value) => `hmac:${createHmac('sha256', key).update(value).digest('hex').slice(0, HASH_DIGITS)}`;
}
