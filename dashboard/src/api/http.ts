/** Requests, sent by whoever is signed in. */
import { authorization, csrf, entrance, letInAgain, refresh } from './auth';
import { httpUrl } from './endpoint';
import { ApiError } from './errors';

interface Request {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal | undefined;
}

/** Waits for the sign-in where one is needed, and throws only where no answer came. */
export async function send(path: string, { method = 'GET', headers, body, signal }: Request): Promise<Response> {
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
  // The role may be another one by now.
  if (response.status === 403) void refresh();
  // What was refused for want of a session has not been done. Whoever brings another credential knows of it.
  const isOurs = !headers?.authorization && !headers?.['x-api-key'];
  if (response.status === 401 && isOurs && (await letInAgain(session, signal))) {
    return send(path, { method, ...(headers ? { headers } : {}), ...(body ? { body } : {}), signal });
  }
  return response;
}
