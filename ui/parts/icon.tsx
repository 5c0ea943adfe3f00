/** The page's icons: 16 × 16, drawn in the colour of the text. Beside text they are decoration. */

const PATHS = {
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.4 10.4 14 14',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  close: 'm4 4 8 8M12 4l-8 8',
  copy: 'M5.5 5.5h7.5v8H5.5zM3 10.5v-8h7.5',
  check: 'm3 8.5 3.5 3.5L13 4.5',
  download: 'M8 2.5V10M4.8 7 8 10.2 11.2 7M3 13.5h10',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.2 9.8A5.8 5.8 0 0 1 6.2 2.8a5.8 5.8 0 1 0 7 7Z',
  auto: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 2v12M10.5 3.5v9M12.5 5.5v5',
  help: 'M5.7 6a2.3 2.3 0 1 1 3.2 2.1c-.6.3-.9.7-.9 1.4M8 12.3v.2',
  up: 'm3.5 10 4.5-4.5 4.5 4.5',
  down: 'm3.5 6 4.5 4.5L12.5 6',
  error: 'M8 4.5v4.2M8 11.3v.2M8 1.8 14.6 13.4H1.4Z',
  link: 'M6.5 9.5 9.5 6.5M7 4.5 8.6 3a2.9 2.9 0 0 1 4.3 4.2L11.3 8.8M8.8 11.5 7.4 13a2.9 2.9 0 0 1-4.3-4.2L4.7 7.2',
  logout: 'M6.5 2.5H3v11h3.5M6.5 8H14M11 5l3 3-3 3',
  compare: 'M5.5 2.5v11M10.5 2.5v11M5.5 5.5H2.5M13.5 10.5h-3',
  unfold: 'M4 6 8 2l4 4M4 10l4 4 4-4',
  fold: 'm4 2.5 4 4 4-4M4 13.5l4-4 4 4',
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
