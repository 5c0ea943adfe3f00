import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_COLOURS } from '../../../ui/logic/colours.ts';
import { launchChromium } from '../../kit/chromium.ts';
import { startEdge, type TestEdge } from '../../kit/edge.ts';
import { openPage } from './open-page.ts';

/** What WCAG 2.2 asks for, level AA: of text, and of graphics that carry meaning. */
const TEXT = 4.5;
const GRAPHICS = 3;

const PAIRS: readonly (readonly [ink: string, ground: string, least: number])[] = [
  ...['ink', 'ink-soft', 'ink-faint', 'accent', 'error'].flatMap((ink) =>
    ['surface', 'raised', 'ground', 'hover'].map((ground) => [ink, ground, TEXT] as const),
  ),
  ['ink-soft', 'sunken', TEXT],
  ['ink-faint', 'sunken', TEXT],
  ['ink-soft', 'found', TEXT],
  ['warn', 'surface', TEXT],
  ['accent-ink', 'accent', TEXT],
  ['accent', 'accent-wash', TEXT],
  ['error', 'error-wash', TEXT],
  ['warn', 'warn-wash', TEXT],
  ['good', 'good-wash', TEXT],
  ...Array.from({ length: SERVICE_COLOURS }, (_, n) => [`service-${n}`, 'surface', GRAPHICS] as const),
];

let edge: TestEdge;
let browser: Browser;

beforeAll(async () => {
  [edge, browser] = await Promise.all([startEdge(), launchChromium()]);
});
afterAll(() => Promise.all([browser?.close(), edge?.close()]));

it.each(['light', 'dark'] as const)('has enough contrast in the %s theme', async (colorScheme) => {
  await using opened = await openPage(browser, edge.url, { colorScheme });
  const names = [...new Set([...PAIRS.map(([ink]) => ink), ...PAIRS.map(([, ground]) => ground)])];
  const luminances = new Map(await opened.page.evaluate(measureLuminances, names));
  const faint = PAIRS.map(([ink, ground, least]) => {
    const [dark, bright] = [luminances.get(ink)!, luminances.get(ground)!].sort((a, b) => a - b) as [number, number];
    return { pair: `${ink} on ${ground}`, contrast: (bright + 0.05) / (dark + 0.05), least };
  }).filter(({ contrast, least }) => !(contrast >= least));
  expect(faint).toEqual([]);
});

it('follows the choice of a theme against the system’s, and keeps it', async () => {
  await using opened = await openPage(browser, edge.url, { colorScheme: 'light' });
  const { page } = opened;
  const luminance = async () => (await page.evaluate(measureLuminances, ['ground']))[0]![1];
  expect(await luminance()).toBeGreaterThan(0.5);
  const toggle = page.getByRole('button', { name: /^Theme/ });
  await toggle.click();
  await toggle.click();
  expect(await toggle.getAttribute('aria-label')).toBe('Theme: dark');
  expect(await luminance()).toBeLessThan(0.1);
  await page.reload();
  await toggle.waitFor();
  expect(await luminance()).toBeLessThan(0.1);
});

/** Runs in the page: relative luminance (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance) of CSS variables. */
function measureLuminances(names: readonly string[]): [string, number][] {
  const context = document.createElement('canvas').getContext('2d', { willReadFrequently: true })!;
  const probe = document.body.appendChild(document.createElement('i'));
  const luminances = names.map((name): [string, number] => {
    probe.style.color = `var(--${name})`;
    context.fillStyle = getComputedStyle(probe).color;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((byte) => {
      const share = byte / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return [name, 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!];
  });
  probe.remove();
  return luminances;
}
