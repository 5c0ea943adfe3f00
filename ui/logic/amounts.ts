/** Counts, rates and shares as people read them. */

/** Three significant digits: `0.34`, `5.2`, `118`, `12,400`. */
function threeDigits(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

/** Calls a second, or where they are rare a minute or an hour: `12.4 /s`, `5 /min`, `2 /h`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0 /s';
  if (perSecond >= 0.1) return `${threeDigits(perSecond)} /s`;
  if (perSecond >= 0.1 / 60) return `${threeDigits(perSecond * 60)} /min`;
  return `${threeDigits(perSecond * 3_600)} /h`;
}

/** `0 %`, `0.34 %`, `12 %`; `< 0.01 %` for what is hardly any. */
export function formatShare(share: number): string {
  const percent = 100 * share;
  if (percent > 0 && percent < 0.01) return '< 0.01 %';
  return `${percent.toLocaleString('en', { maximumSignificantDigits: percent < 99.5 ? 2 : 3 })} %`;
}

/** Estimates need not be integers. */
export function formatCalls(calls: number): string {
  return Math.round(calls).toLocaleString('en');
}
