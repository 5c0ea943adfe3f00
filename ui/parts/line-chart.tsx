import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import { resolveColours } from '../shell/canvas-colours.ts';
import { isDark } from '../shell/preferences.ts';
import { useSize } from './use-size.ts';

interface Line {
  readonly name: string;
  /** A CSS colour. */
  readonly colour: string;
  /** null: there is no value. */
  readonly values: readonly (number | null)[];
}

interface Props {
  title: string;
  /** Microseconds since the epoch, ascending. */
  atUs: readonly number[];
  lines: readonly Line[];
  format: (value: number) => string;
  /** Of values above zero that differ by orders of magnitude. Else the picture begins at zero. */
  isLogarithmic?: boolean;
  /** Somebody dragged over a stretch of time. */
  onPick: (startUs: number, endUs: number) => void;
}

const HEIGHT_PX = 170;
/** Charts with one key show the same moment while the pointer is on one of them. */
const SYNC_KEY = 'tailrace';

/** Lines over time, with the values at the pointer below. The chart's code is loaded when the first one is drawn. */
export function LineChart({ title, atUs, lines, format, isLogarithmic = false, onPick }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const size = useSize(box);
  const pick = useRef(onPick);
  pick.current = onPick;

  useEffect(() => {
    let isGone = false;
    const data = [atUs.map((us) => us / 1e6), ...lines.map(({ values }) => [...values])] as uPlot.AlignedData;
    const stop = isDark.subscribe(() => void draw());
    async function draw() {
      const { default: Plot } = await import('uplot');
      if (isGone) return;
      chart.current?.destroy();
      const width = Math.max(box.current!.clientWidth, 100);
      chart.current = new Plot(
        optionsOf({ box: box.current!, lines, format, isLogarithmic, width, pick }),
        data,
        box.current!,
      );
    }
    return () => {
      isGone = true;
      stop();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [atUs.join(), JSON.stringify(lines)]);
  useSignalEffect(() => {
    const { width } = size.value;
    if (width > 0) chart.current?.setSize({ width, height: HEIGHT_PX });
  });

  return (
    <figure class="line-chart">
      <figcaption>{title}</figcaption>
      <div ref={box} role="img" aria-label={`${title}: ${lines.map((line) => describe(line, format)).join('; ')}`} />
    </figure>
  );
}

function describe({ name, values }: Line, format: (value: number) => string): string {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return `${name} has no values`;
  const most = known.reduce((greatest, value) => Math.max(greatest, value), 0);
  return `${name} at most ${format(most)}, last ${format(known.at(-1)!)}`;
}

interface Drawing {
  readonly box: HTMLElement;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly isLogarithmic: boolean;
  readonly width: number;
  readonly pick: { readonly current: (startUs: number, endUs: number) => void };
}

function optionsOf({ box, lines, format, isLogarithmic, width, pick }: Drawing): uPlot.Options {
  const inks = ['var(--ink-faint)', 'var(--line)', ...lines.flatMap(({ colour }) => [colour, washOf(colour)])];
  const colours = resolveColours(box, inks);
  const [ink, line] = [colours.get('var(--ink-faint)')!, colours.get('var(--line)')!];
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: `11px ${FONT}` };
  return {
    width,
    height: HEIGHT_PX,
    series: [
      { label: 'at', value: '{HH}:{mm}' },
      ...lines.map(({ name, colour }) => ({
        label: name,
        stroke: colours.get(colour)!,
        width: 1.5,
        points: { size: 4 },
        ...(lines.length === 1 && { fill: colours.get(washOf(colour))! }),
        value: (_: uPlot, value: number | null) => (value === null ? '–' : format(value)),
      })),
    ],
    axes: [
      { ...axis, size: 26, values: CLOCK_VALUES },
      { ...axis, size: 64, values: (_, values) => values.map((value) => (value === null ? '' : format(value))) },
    ],
    scales: { y: isLogarithmic ? { distr: 3 } : { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    cursor: { sync: { key: SYNC_KEY }, drag: { x: true, y: false, setScale: false } },
    hooks: {
      setSelect: [
        (plot) => {
          if (plot.select.width === 0) return;
          const at = (px: number) => Math.round(plot.posToVal(px, 'x') * 1e6);
          pick.current(at(plot.select.left), at(plot.select.left + plot.select.width));
        },
      ],
    },
  };
}

function washOf(colour: string): string {
  return `color-mix(in srgb, ${colour} 12%, transparent)`;
}

const FONT = 'Inter, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif';
const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
/** uPlot's table: from which step on, how its ticks read, and instead of that where a day begins. */
const CLOCK_VALUES: uPlot.Axis.Values = [
  [DAY_S, '{D} {MMM}', null, null, null, null, null, null, 0],
  [HOUR_S, '{HH}:{mm}', null, null, '{D} {MMM}', null, null, null, 0],
  [1, '{HH}:{mm}', null, null, null, null, null, null, 0],
];
