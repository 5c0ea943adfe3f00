/** The services the edge knows, and the colour of each. */

import { computed, signal } from '@preact/signals';
import { assignColours } from '../logic/colours.ts';
import { fetchServices } from './api.ts';

const known = signal<readonly string[]>([]);
/** Services on the screen that the catalog did not name (yet). */
const seen = signal<ReadonlySet<string>>(new Set());

export const services = computed(() => known.value);

const colours = computed(() => {
  const map = assignColours(known.value);
  const rest = [...seen.value].filter((name) => !map.has(name));
  return rest.length === 0 ? map : assignColours([...known.value, ...rest]);
});

/** The palette's colour of a service as a CSS value. Reading it subscribes to changes of the catalog. */
export function serviceColour(name: string): string {
  return `var(--service-${colours.value.get(name) ?? 0})`;
}

/** Tells the catalog of services that are about to be drawn. */
export function noteServices(names: Iterable<string>): void {
  const fresh = [...names].filter((name) => !known.peek().includes(name) && !seen.peek().has(name));
  if (fresh.length > 0) seen.value = new Set([...seen.peek(), ...fresh]);
}

/** Loads the catalog again. Views work without it, so a failure is left to the call that shows it. */
export async function loadServices(): Promise<void> {
  try {
    known.value = await fetchServices();
  } catch {
    // The view's own call meets the same failure and tells it.
  }
}
