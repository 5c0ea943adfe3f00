/** What is in force, for those who may not wait for the Control object: what it last said, asked again every few seconds. */

import type { RoutingTable } from '../model/routing.ts';
import { within } from '../model/within.ts';
import { type Config, parseConfig } from './config.ts';
import type { Env } from './env.ts';
import type { KeyList } from './keys.ts';
import type { ConfigDocument } from './protocol.ts';

/** Half of the time in which a change is in force everywhere. */
const FRESH_MS = 5_000;
const CONTROL_TIMEOUT_MS = 1_000;

type ConfigEnv = Pick<Env, 'CONTROL' | 'TAILRACE_CONFIG'>;

/** A configuration together with the table that it is at work with: `shards` is what the table has. */
export interface CurrentConfig extends Config {
  readonly table: RoutingTable;
}

/** The configuration that follows from what Control holds and the variable. Throws ConfigError. */
export function resolveConfig(document: ConfigDocument | null, variable: string | undefined): Config {
  const config = parseConfig(document?.text ?? variable);
  return document ? { ...config, version: document.version } : config;
}

export class ConfigSource {
  private readonly variable: string | undefined;
  private document: ConfigDocument | null;
  /** null as long as nobody has told. */
  table: RoutingTable | null;
  /** Asked for only where `withKeys` says so; null as long as nobody has told. */
  keys: KeyList | null = null;
  private readonly withKeys: boolean;
  private askedMs = Number.NEGATIVE_INFINITY;
  private answeredMs = Number.NEGATIVE_INFINITY;
  /** How often what is known was outdated. */
  private outdated = 0;
  config: CurrentConfig;

  /** `document`, `table`: what was in force when this was last known. Throws ConfigError where the variable is wrong. */
  constructor(
    variable: string | undefined,
    document: ConfigDocument | null,
    table: RoutingTable | null,
    withKeys = false,
  ) {
    this.variable = variable;
    this.withKeys = withKeys;
    this.document = document;
    this.table = table;
    this.config = this.resolve();
  }

  isStale(nowMs: number, freshMs = FRESH_MS): boolean {
    return nowMs - this.askedMs >= freshMs;
  }

  /** What is known is not relied on any more. */
  outdate(): void {
    this.outdated++;
    this.askedMs = this.answeredMs = Number.NEGATIVE_INFINITY;
  }

  /** How long ago a question was asked that was answered. */
  ageMs(nowMs: number): number {
    return nowMs - this.answeredMs;
  }

  /**
   * Asks Control, for a second at most; what stands stands where it does not answer, and never throws. The document where it
   * is another one than before, else null; and the table, which is not in force before it is adopted.
   */
  async refresh(
    env: ConfigEnv,
    nowMs: number,
  ): Promise<{ readonly document: ConfigDocument | null; readonly table: RoutingTable | null }> {
    this.askedMs = nowMs;
    const { outdated } = this;
    try {
      const known = this.withKeys ? (this.keys?.version ?? -1) : null;
      const { document, table, keys } = await within(
        CONTROL_TIMEOUT_MS,
        env.CONTROL.getByName('control').current(known),
      );
      if (keys && keys.version >= (this.keys?.version ?? 0)) this.keys = keys;
      if (outdated === this.outdated) this.answeredMs = nowMs;
      if (!document || document.version <= (this.document?.version ?? 0)) return { document: null, table };
      const before = this.document;
      this.document = document;
      try {
        this.config = this.resolve();
      } catch (error) {
        this.document = before;
        throw error;
      }
      return { document, table };
    } catch (error) {
      console.error(`the configuration stays as it is: ${(error as Error).message}`);
      return { document: null, table: null };
    }
  }

  /** Puts a table in force, unless it is older than the one that is. */
  adopt(table: RoutingTable): void {
    if (table.version <= (this.table?.version ?? 0)) return;
    this.table = table;
    this.config = this.resolve();
  }

  private resolve(): CurrentConfig {
    const config = resolveConfig(this.document, this.variable);
    const { shards } = config;
    const table = this.table ?? { version: 0, shards, former: [], highest: shards };
    return { ...config, shards: table.shards, table };
  }
}
