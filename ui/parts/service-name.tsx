import { serviceColour } from '../shell/catalog.ts';

/** A service's name with its colour. */
export function ServiceName({ name, count }: { name: string; count?: string | undefined }) {
  return (
    <span class="service-name">
      <span class="swatch" style={{ background: serviceColour(name) }} />
      <span class="text">{name}</span>
      {count !== undefined && <span class="count">{count}</span>}
    </span>
  );
}
