import { useSignal } from '@preact/signals';
import { logIn } from '../shell/api.ts';
import { loggedIn } from '../shell/preferences.ts';

/** Asks for a read key; the edge answers with an HttpOnly cookie. `onDone` runs when it was accepted. */
export function LoginForm({ onDone }: { onDone: () => void }) {
  const key = useSignal('');
  const busy = useSignal(false);
  const failure = useSignal('');

  async function submit(event: Event) {
    event.preventDefault();
    busy.value = true;
    failure.value = '';
    try {
      await logIn(key.value.trim());
      loggedIn.value = true;
      onDone();
    } catch (error) {
      failure.value = (error as Error).message;
    } finally {
      busy.value = false;
    }
  }

  return (
    <form class="login" onSubmit={(event) => void submit(event)}>
      <h1>Log in to read traces</h1>
      <p>
        This edge asks for a <strong>read key</strong>. Whoever deployed it has it: it is the secret{' '}
        <code>TAILRACE_READ_KEY</code>, or one that <code>npm run key</code> has made.
      </p>
      <label for="read-key">Read key</label>
      <input
        id="read-key"
        type="password"
        autocomplete="current-password"
        required
        autofocus
        value={key.value}
        onInput={(event) => {
          key.value = event.currentTarget.value;
        }}
        aria-describedby="login-failure"
      />
      <p id="login-failure" class="failure" role="alert">
        {failure.value}
      </p>
      <button type="submit" class="button primary" disabled={busy.value}>
        {busy.value ? 'Checking…' : 'Log in'}
      </button>
    </form>
  );
}
