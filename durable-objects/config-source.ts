/** What is in force, for those who may not wait for the Control object: what it last said, asked again every few seconds. */

import { type Config, parseConfig } from './config.ts';
import type { Env } from './env.ts';
import type { ConfigDocument } from './protocol.ts';

/** Half of the time in which a change is in force everywhere. */
const FRESH_MS = 5_000;
const CONTROL_TIMEOUT_MS = 1_000;

type ConfigEnv = Pick<Env, 'CONTROL' | 'TAILRACE_CONFIG'>;

/** The configuration that follows from what Control holds and the variable. Throws ConfigError. */
export function resolveConfig(document: ConfigDocument | null, variable: string | undefined): Config {
  const config = parseConfig(document?.text ?? variable);
  return document ? { ...config, version: document.version } : config;
}

export class ConfigSource {
  private readonly variable: string | undefined;
  private document: ConfigDocument | null;
  private askedMs = Number.NEGATIVE_INFINITY;
  config: Config;

  /** `document`: what was in force when this was last known. Throws ConfigError where the variable is wrong. */
  constructor(variable: string | undefined, document: ConfigDocument | null) {
    this.variable = variable;
    this.document = document;
    this.config = resolveConfig(document, variable);
  }

  /** Control was asked at some time, whether or not it has answered. */
  get wasAsked(): boolean {
    return this.askedMs !== Number.NEGATIVE_INFINITY;
  }

  isStale(nowMs: number): boolean {
    return nowMs - this.askedMs >= FRESH_MS;
  }

  /**
   * Asks Control, for a second at most; what stands stands where it does not answer, and never throws. The document where it
   * is another one than before, else null.
   */
  async refresh(env: ConfigEnv, nowMs: number): Promise<ConfigDocument | null> {
    this.askedMs = nowMs;
    try {
      const document = await withTimeout(env.CONTROL.getByName('control').current());
      if (!document || document.version <= (this.document?.version ?? 0)) return null;
      this.config = resolveConfig(document, this.variable);
      this.document = document;
      return document;
    } catch (error) {
      console.error(`the configuration stays as it is: ${(error as Error).message}`);
      return null;
    }
  }
}

async function withTimeout<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Control does not answer')), CONTROL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
