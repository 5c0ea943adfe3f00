import { batch, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

export interface Loaded<Value> {
  /** What came last; null until something did. It stays while what follows is loaded. */
  readonly value: Value | null;
  readonly failure: Error | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** Loads when the component appears and whenever `key` changes, which names all that `load` depends on. */
export function useLoaded<Value>(key: string, load: (signal: AbortSignal) => Promise<Value>): Loaded<Value> {
  const value = useSignal<Value | null>(null);
  const failure = useSignal<Error | null>(null);
  const isLoading = useSignal(true);
  const attempt = useSignal(0);
  useEffect(() => {
    const stopped = new AbortController();
    isLoading.value = true;
    load(stopped.signal).then(
      (loaded) => {
        if (stopped.signal.aborted) return;
        batch(() => {
          value.value = loaded;
          failure.value = null;
          isLoading.value = false;
        });
      },
      (error: Error) => {
        if (stopped.signal.aborted) return;
        batch(() => {
          value.value = null;
          failure.value = error;
          isLoading.value = false;
        });
      },
    );
    return () => stopped.abort();
  }, [key, attempt.value]);
  return {
    value: value.value,
    failure: failure.value,
    isLoading: isLoading.value,
    reload: () => {
      attempt.value++;
    },
  };
}
