import type { ComponentChildren } from 'preact';
import { ApiFailure } from '../shell/api.ts';

/** A state that fills the view: nothing found, an error, a hint. */
export function Notice(props: { title: string; kind?: 'error'; children?: ComponentChildren }) {
  return (
    <section class={`notice ${props.kind ?? ''}`} role={props.kind === 'error' ? 'alert' : 'status'}>
      <svg class="notice-art" viewBox="0 0 120 48" aria-hidden="true">
        <path d="M8 10h72M28 24h72M48 38h36" />
      </svg>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

/** What the API, or the way to it, said was wrong. */
export function FailureNotice({ failure, onRetry }: { failure: Error; onRetry: () => void }) {
  const code = failure instanceof ApiFailure ? failure.code : 'page_error';
  return (
    <Notice title={TITLES[code] ?? 'The edge could not answer this'} kind="error">
      <p>{failure.message}</p>
      <p class="code">
        <code>{code}</code>
        {failure instanceof ApiFailure && failure.status > 0 && <span> · HTTP {failure.status}</span>}
      </p>
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    </Notice>
  );
}

const TITLES: Readonly<Record<string, string>> = {
  unreachable: 'No connection to the edge',
  bad_parameter: 'The edge does not understand this',
  bad_range: 'This time ends before it begins',
  range_too_long: 'This time is longer than can be asked for',
  too_many_queries: 'Too many questions at a time',
  timeout: 'The answer took too long',
  not_configured: 'This edge is not configured yet',
  page_error: 'This page met an error of its own',
};
