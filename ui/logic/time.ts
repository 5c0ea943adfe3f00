/** Points in time as people read them, in the zone of the reader. Times are microseconds since the Unix epoch. */

const DAY_AND_TIME = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
});

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY_AND_CLOCK = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

/** `21 Nov 2026, 04:01:05.123`. */
export function formatTime(us: number): string {
  return DAY_AND_TIME.format(us / 1e3);
}

/** `04:01:05` today and in the last 12 hours, `20 Nov, 04:01` before. */
export function formatTimeShort(us: number, nowUs: number): string {
  return (Math.abs(nowUs - us) < 12 * 3.6e9 ? CLOCK : DAY_AND_CLOCK).format(us / 1e3);
}

/** `just now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`; `in 12 s` for what a fast clock dates ahead. */
export function formatAge(us: number, nowUs: number): string {
  const seconds = Math.round((nowUs - us) / 1e6);
  const size = Math.abs(seconds);
  if (size < 2) return 'just now';
  const text =
    size < 60
      ? `${size} s`
      : size < 3_600
        ? `${Math.floor(size / 60)} min`
        : size < 86_400
          ? `${Math.floor(size / 3_600)} h`
          : `${Math.floor(size / 86_400)} d`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** The value of an `<input type="datetime-local">`: `2026-11-21T04:01:05`, in the reader's zone. */
export function formatLocalInput(us: number): string {
  const date = new Date(us / 1e3);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** Microseconds of an `<input type="datetime-local">`'s value; null when it is empty or no time. */
export function parseLocalInput(text: string): number | null {
  const ms = text === '' ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(ms) ? null : ms * 1e3;
}
