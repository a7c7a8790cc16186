/** Requests, sent by whoever is signed in. */
import { authorization, csrf, entrance, hasAnotherSession, letInAgain } from './auth';
import { httpUrl } from './endpoint';
import { ApiError } from './errors';

interface Request {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
}

/** Waits for the sign-in where one is needed, and throws only where no answer came. */
export async function send(path: string, request: Request): Promise<Response> {
  const { method = 'GET', headers, body, signal } = request;
  const session = await entrance(signal);
  const response = await fetch(httpUrl(path), {
    method,
    headers: { ...authorization(), ...(method === 'GET' ? {} : csrf()), ...headers },
    body: body ?? null,
    signal: signal ?? null,
  }).catch((error: Error) => {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('The server does not answer.', 'NETWORK');
  });
  // Whoever brings another credential knows of it.
  if (headers?.authorization || headers?.['x-api-key']) return response;
  // What was refused for want of a session has not been done.
  const once =
    (response.status === 401 && (await letInAgain(session, signal))) ||
    (response.status === 403 && (await hasAnotherSession(session)));
  return once ? send(path, request) : response;
}
