/**
 * A strict reader of OpenMetrics text, as far as Tailrace uses it
 * (https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md): counters, gauges, histograms, exemplars
 * of buckets.
 */

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*?)\})? (\S+)(?: # (\{.*\} \S+ \S+))?$/;
const EXEMPLAR = /^\{trace_id="[0-9a-f]{32}"\} (\d+(?:\.\d+)?) \d+(?:\.\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_count', '_sum', '_created'],
};

interface Family {
  readonly name: string;
  type?: string;
  help?: string;
  readonly series: Map<string, number>;
}

/** Samples by name and labels, as written. Throws at the first line that is not right. */
export function parseOpenMetrics(text: string): Map<string, number> {
  if (!text.endsWith('\n# EOF\n')) throw new Error('the text does not end with # EOF and a line feed');
  const families = new Map<string, Family>();
  const samples = new Map<string, number>();
  let current: Family | undefined;
  for (const [at, line] of text.slice(0, -'# EOF\n'.length).split('\n').slice(0, -1).entries()) {
    const fault = (what: string) => new Error(`line ${at + 1} (${line}): ${what}`);
    const [, word, name, rest] = /^# (TYPE|HELP) (\S+) (.+)$/.exec(line) ?? [];
    if (word && name && rest) {
      if (current?.name !== name) {
        if (families.has(name)) throw fault('the family is not in one piece');
        if (!NAME.test(name)) throw fault('not a name');
        current = { name, series: new Map() };
        families.set(name, current);
      }
      if (current.series.size > 0) throw fault('metadata after samples');
      if (word === 'TYPE') {
        if (current.type !== undefined || !SUFFIXES[rest]) throw fault('a second or unknown type');
        current.type = rest;
      } else {
        if (current.help !== undefined || /(?<!\\)(?:\\\\)*\\[^\\n"]/.test(rest))
          throw fault('a second or badly escaped help');
        current.help = rest;
      }
      continue;
    }
    const [, sample, labels, number, exemplar] = SAMPLE.exec(line) ?? [];
    if (sample === undefined || number === undefined) throw fault('neither metadata nor a sample');
    const family = current;
    if (family?.type === undefined) throw fault('a sample without a type');
    if (!SUFFIXES[family.type]!.some((suffix) => sample === family.name + suffix)) throw fault('not of its family');
    if (labels !== undefined) checkLabels(labels, fault);
    if (exemplar !== undefined) {
      const le = /le="([^"]+)"/.exec(labels ?? '')?.[1];
      const found = Number(EXEMPLAR.exec(exemplar)?.[1] ?? Number.NaN);
      if (!sample.endsWith('_bucket') || !(found <= Number(le?.replace('+Inf', 'Infinity'))))
        throw fault('a bad exemplar');
    }
    const value = Number(number);
    if (!/^[-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?)$/.test(number) || !Number.isFinite(value)) throw fault('not a number');
    if (family.type !== 'gauge' && value < 0) throw fault('below zero');
    const key = labels === undefined ? sample : `${sample}{${labels}}`;
    if (samples.has(key)) throw fault('the same sample twice');
    samples.set(key, value);
    family.series.set(key, value);
  }
  for (const family of families.values()) {
    if (family.type === undefined || family.help === undefined) throw new Error(`${family.name}: no type or no help`);
    if (family.type === 'histogram') checkHistogram(family);
  }
  return samples;
}

function checkLabels(labels: string, fault: (what: string) => Error): void {
  const seen = new Set<string>();
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labels.length) {
    const match = LABEL.exec(labels);
    if (!match || (match[3] === ',' && LABEL.lastIndex === labels.length)) throw fault('not labels');
    if (seen.has(match[1]!)) throw fault('the same label twice');
    seen.add(match[1]!);
  }
}

/** Of each set of labels: bounds ascend to +Inf, counts never fall, the last is `_count`, and there is a `_sum`. */
function checkHistogram({ name, series }: Family): void {
  const groups = new Map<string, [le: number, count: number][]>();
  for (const [key, count] of series) {
    const [, before, le] = /_bucket\{(.*?),?le="([^"]+)"\}$/.exec(key) ?? [];
    if (le === undefined) continue;
    const group = before ? `{${before}}` : '';
    groups.set(group, [...(groups.get(group) ?? []), [le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count]]);
  }
  if (groups.size === 0) throw new Error(`${name}: a histogram without buckets`);
  for (const [labels, buckets] of groups) {
    const fault = (what: string) => new Error(`${name}${labels}: ${what}`);
    for (const [i, [le, count]] of buckets.entries()) {
      const [leBefore, countBefore] = buckets[i - 1] ?? [Number.NEGATIVE_INFINITY, 0];
      if (!(le > leBefore) || count < countBefore) throw fault('buckets do not ascend');
    }
    const [le, count] = buckets.at(-1)!;
    if (le !== Number.POSITIVE_INFINITY || series.get(`${name}_count${labels}`) !== count) throw fault('no total');
    if (series.get(`${name}_sum${labels}`) === undefined) throw fault('no sum');
  }
}
