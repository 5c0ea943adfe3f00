/** What the parts of the page's SDK weigh, each built alone: a budget for the whole does not show which of them grew. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Plugin, type Rolldown } from 'vite';
import { browserBuild, recorderBeside } from '../vite.sdk.config.ts';
import { compare, type Measured, PAGE_CORE_BYTES, PAGE_FEATURES, type PageFeature, WORKER_BYTES } from './budgets.ts';
import { ROOT } from './run.ts';

/** Puts functions that do nothing in the place of a feature's. */
function without(features: readonly PageFeature[]): Plugin {
  const files = features.map(({ module }) => join(ROOT, module));
  return {
    name: 'without-features',
    load(id) {
      if (!files.includes(id)) return null;
      const names = Array.from(readFileSync(id, 'utf8').matchAll(/^export function (\w+)/gm), ([, name]) => name!);
      if (names.length === 0) throw new Error(`${id} exports no function`);
      return names.map((name) => `export const ${name} = () => () => {};`).join('\n');
    },
  };
}

/** `init` as a bundler takes it, without these, gzipped. */
function builtWithout(features: readonly PageFeature[]): Promise<number> {
  return built('client/init.ts', [recorderBeside, without(features)]);
}

async function built(index: string, plugins: Plugin[]): Promise<number> {
  const config = browserBuild('dist', { entry: { index }, formats: ['es'] }, plugins);
  const output = (await build({ ...config, build: { ...config.build, write: false } })) as Rolldown.RolldownOutput[];
  return gzipSync(output[0]!.output[0].code, { level: 9 }).length;
}

/** The core alone, and what each feature adds to it; of the recorder's file what a worker runs. */
export async function measurePageParts(): Promise<Measured[]> {
  const core = await builtWithout(PAGE_FEATURES);
  const parts = PAGE_FEATURES.map(async (feature) => {
    const alone = await builtWithout(PAGE_FEATURES.filter((other) => other !== feature));
    return compare(`page: ${feature.name}`, alone - core, feature.maxGzipBytes);
  });
  const worker = await built('client/recorder/worker.ts', []);
  return [
    compare('page: core', core, PAGE_CORE_BYTES),
    ...(await Promise.all(parts)),
    compare('recorder: what a worker runs', worker, WORKER_BYTES),
  ];
}
