import { HttpError } from '../../errors.ts';

/** What is wrong with a request, in Tempo's words. */
export function badRequest(message: string): HttpError {
  return new HttpError(400, 'bad_parameter', message);
}

/** As Tempo has errors: the message alone, and nothing where a trace is not there. */
export function tempoError({ status, message, headers }: HttpError): Response {
  const isMissing = status === 404;
  return new Response(isMissing ? null : message, {
    status,
    headers: { ...headers, ...(isMissing ? {} : { 'content-type': 'text/plain; charset=utf-8' }) },
  });
}
