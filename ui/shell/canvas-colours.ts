/** What CSS colours (`var(--service-3)`) are in the element's theme, in a form that a canvas takes. */
export function resolveColours(element: HTMLElement, colours: readonly string[]): Map<string, string> {
  const probe = document.createElement('i');
  probe.hidden = true;
  element.parentElement!.append(probe);
  const resolved = new Map<string, string>();
  for (const colour of colours) {
    probe.style.color = colour;
    resolved.set(colour, getComputedStyle(probe).color);
  }
  probe.remove();
  return resolved;
}
