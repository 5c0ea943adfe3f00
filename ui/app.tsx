import { useSignal } from '@preact/signals';
import { CompareView } from './compare/compare-view.tsx';
import { formatTracePath, parseTraceIdInput, type Route } from './logic/route.ts';
import { MapView } from './map/map-view.tsx';
import { Icon } from './parts/icon.tsx';
import { Notice } from './parts/notice.tsx';
import { SearchView } from './search/search-view.tsx';
import { ServicesView } from './services/services-view.tsx';
import { logOut } from './shell/api.ts';
import { loggedIn, type Theme, theme } from './shell/preferences.ts';
import { navigate, route } from './shell/router.ts';
import { TraceView } from './trace/trace-view.tsx';

/** The whole page: the bar at the top and the view that the address names. */
export function App() {
  return (
    <>
      <TopBar />
      <View />
    </>
  );
}

function View() {
  const shown = route.value;
  switch (shown.view) {
    case 'search':
      return <SearchView />;
    case 'services':
      return <ServicesView />;
    case 'map':
      return <MapView />;
    case 'compare':
      return <CompareView />;
    case 'trace':
      return <TraceView key={shown.traceId} traceId={shown.traceId} />;
    case 'unknown':
      return (
        <Notice title="There is no such page">
          <p>
            <code>{shown.path}</code> is not an address of this page. <a href="/">Search traces</a>
          </p>
        </Notice>
      );
  }
}

function TopBar() {
  return (
    <header class="top-bar">
      <a href="/" class="brand">
        <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M6.5 10.5H21" />
          <path d="M11 16.5H25.5" />
          <path d="M16.5 22.5H23" />
        </svg>
        <span>Tailrace</span>
      </a>
      <nav aria-label="Views">
        <ViewLink href="/" name="Traces" views={['search', 'trace', 'compare']} />
        <ViewLink href="/services" name="Services" views={['services']} />
        <ViewLink href="/map" name="Map" views={['map']} />
      </nav>
      <OpenTrace />
      <div class="tools">
        <ThemeToggle />
        {loggedIn.value && (
          <button type="button" class="icon-button" aria-label="Log out" title="Log out" onClick={() => void leave()}>
            <Icon name="logout" />
          </button>
        )}
      </div>
    </header>
  );
}

function ViewLink({ href, name, views }: { href: string; name: string; views: readonly Route['view'][] }) {
  return (
    <a href={href} aria-current={views.includes(route.value.view) ? 'page' : undefined}>
      {name}
    </a>
  );
}

async function leave() {
  await logOut();
  loggedIn.value = false;
  window.location.assign('/');
}

function OpenTrace() {
  const text = useSignal('');
  const wrong = useSignal(false);
  return (
    <form
      class="open-trace"
      onSubmit={(event) => {
        event.preventDefault();
        const traceId = parseTraceIdInput(text.value);
        wrong.value = traceId === null;
        if (traceId === null) return;
        text.value = '';
        navigate(formatTracePath(traceId));
      }}
    >
      <input
        type="text"
        aria-label="Open a trace by its id"
        placeholder="Open trace by id…"
        spellcheck={false}
        autocomplete="off"
        value={text.value}
        aria-invalid={wrong.value}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          wrong.value = false;
        }}
      />
      {wrong.value && (
        <span class="hint" role="alert">
          A trace id is 32 hex digits
        </span>
      )}
    </form>
  );
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const THEME_ICONS = { auto: 'auto', light: 'sun', dark: 'moon' } as const;

function ThemeToggle() {
  const label = `Theme: ${theme.value === 'auto' ? 'as the system' : theme.value}`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => {
        theme.value = NEXT_THEME[theme.value];
      }}
    >
      <Icon name={THEME_ICONS[theme.value]} />
    </button>
  );
}
