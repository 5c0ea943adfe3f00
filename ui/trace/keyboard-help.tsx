import type { RefObject } from 'preact';
import { BINDINGS } from '../logic/keys.ts';
import { Icon } from '../parts/icon.tsx';

const KEY_NAMES: Readonly<Record<string, string>> = {
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  'Shift+ArrowLeft': 'Shift ←',
  'Shift+ArrowRight': 'Shift →',
  Escape: 'Esc',
  PageUp: 'Page ↑',
  PageDown: 'Page ↓',
};

/** The list of keys, as a modal dialog that `?` opens. */
export function KeyboardHelp({ dialog }: { dialog: RefObject<HTMLDialogElement | null> }) {
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title">
      <header>
        <h2 id="help-title">Keyboard</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </button>
      </header>
      <dl>
        {BINDINGS.map((binding) => (
          <div key={binding.command}>
            <dt>
              {binding.keys.map((key) => (
                <kbd key={key}>{KEY_NAMES[key] ?? key}</kbd>
              ))}
            </dt>
            <dd>{binding.does}</dd>
          </div>
        ))}
      </dl>
      <p>
        Drag on the timeline or the overview to zoom. Ctrl and the wheel zoom at the pointer, Shift and the wheel move.
      </p>
    </dialog>
  );
}
