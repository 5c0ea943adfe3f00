import { useSignal } from '@preact/signals';
import { Icon } from './icon.tsx';

const SHOWN_MS = 1_200;

/** Copies `text`; `what` names it for screen readers. Absent where the browser has no clipboard (plain HTTP). */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const copied = useSignal(false);
  if (!navigator.clipboard) return null;
  async function copy() {
    await navigator.clipboard.writeText(text);
    copied.value = true;
    setTimeout(() => {
      copied.value = false;
    }, SHOWN_MS);
  }
  return (
    <button
      type="button"
      class="icon-button copy"
      onClick={() => void copy()}
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
    >
      <Icon name={copied.value ? 'check' : 'copy'} />
    </button>
  );
}
