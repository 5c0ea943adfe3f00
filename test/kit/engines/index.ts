export { chromiumEngine } from './chromium.ts';
export type { Engine, Launch, Tab } from './engine.ts';
export { firefoxEngine } from './firefox.ts';
export { webkitEngine } from './webkit.ts';
