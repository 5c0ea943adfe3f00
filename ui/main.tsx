import { render } from 'preact';
import { App } from './app.tsx';
import { startClock } from './shell/clock.ts';
import { startTheme } from './shell/preferences.ts';
import { startRouter } from './shell/router.ts';

startTheme();
startRouter();
startClock();
render(<App />, document.body);
