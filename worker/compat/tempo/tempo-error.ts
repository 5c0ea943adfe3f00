import { HttpError } from '../../errors.ts';

/** What is wrong with a request, in Tempo's words. */
export function badRequest(message: string): HttpError {
  return new HttpError(400, 'bad_parameter', message);
}

/** As Tempo has errors: the message alone, and nothing where a trace is not there. */
export function tempoError({ status, code, message, headers }: HttpError): Response {
  if (code === 'unknown_trace') return new Response(null, { status, headers });
  return new Response(code === 'not_found' ? '404 page not found\n' : message, {
    status,
    headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' },
  });
}
