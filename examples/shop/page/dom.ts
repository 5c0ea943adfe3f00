/** The few helpers a page without a framework needs. */

/** The element with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element '${id}'`);
  return element as T;
}

/** A new element with properties and children; texts are never read as HTML. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const EURO = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' });

export function formatPrice(cents: number): string {
  return EURO.format(cents / 100);
}
