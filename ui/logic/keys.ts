/** The trace view's keyboard: which key gives which command. The help dialog is made from the same table. */

export type Command =
  | 'previous'
  | 'next'
  | 'first'
  | 'last'
  | 'pageUp'
  | 'pageDown'
  | 'unfold'
  | 'fold'
  | 'open'
  | 'close'
  | 'zoomIn'
  | 'zoomOut'
  | 'zoomReset'
  | 'zoomToSpan'
  | 'panLeft'
  | 'panRight'
  | 'find'
  | 'nextMatch'
  | 'previousMatch'
  | 'help';

interface Binding {
  readonly command: Command;
  /** `KeyboardEvent.key` values, with `Shift+` where shift must be held and the key does not already say so. */
  readonly keys: readonly string[];
  /** True for keys that move in the rows: they act only where no control has the focus. */
  readonly rowsOnly: boolean;
  readonly does: string;
}

const rows = (command: Command, keys: string[], does: string): Binding => ({ command, keys, rowsOnly: true, does });
const page = (command: Command, keys: string[], does: string): Binding => ({ command, keys, rowsOnly: false, does });

export const BINDINGS: readonly Binding[] = [
  rows('previous', ['ArrowUp', 'k'], 'Span above'),
  rows('next', ['ArrowDown', 'j'], 'Span below'),
  rows('unfold', ['ArrowRight'], 'Unfold, then first child'),
  rows('fold', ['ArrowLeft'], 'Fold, then parent'),
  rows('first', ['Home'], 'First span'),
  rows('last', ['End'], 'Last span'),
  rows('pageUp', ['PageUp'], 'A screen up'),
  rows('pageDown', ['PageDown'], 'A screen down'),
  rows('open', ['Enter'], 'Show the span’s details'),
  page('close', ['Escape'], 'Close details, clear the search'),
  page('zoomIn', ['+', '='], 'Zoom in'),
  page('zoomOut', ['-'], 'Zoom out'),
  page('zoomReset', ['0'], 'Show the whole trace'),
  page('zoomToSpan', ['z'], 'Zoom to the span'),
  rows('panLeft', ['Shift+ArrowLeft'], 'Move left in time'),
  rows('panRight', ['Shift+ArrowRight'], 'Move right in time'),
  page('find', ['/'], 'Search in this trace'),
  page('nextMatch', ['n'], 'Next match'),
  page('previousMatch', ['N'], 'Previous match'),
  page('help', ['?'], 'This list'),
];

const BY_KEY = new Map(BINDINGS.flatMap((binding) => binding.keys.map((key) => [key, binding] as const)));

/** The command of a key press; null when there is none. `inRows`: the rows, and no control, have the focus. */
export function commandOf(
  press: { key: string; shiftKey: boolean; ctrlKey: boolean; metaKey: boolean; altKey: boolean },
  inRows: boolean,
): Command | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const shifted = press.shiftKey && press.key.length > 1 ? `Shift+${press.key}` : press.key;
  const binding = BY_KEY.get(shifted);
  return binding === undefined || (binding.rowsOnly && !inRows) ? null : binding.command;
}
