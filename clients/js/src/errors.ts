/** What a GraphQL answer says of an error. */
export interface GraphQLProblem {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly [name: string]: unknown } | undefined;
}

const PASSING = ['NETWORK', 'UNAVAILABLE', 'OVERLOADED', 'QUERY_TIMEOUT', 'HTTP_502', 'HTTP_503', 'HTTP_504'];

/** A question that was not answered, or a subscription that has ended. */
export class StreamSyncError extends Error {
  override readonly name = 'StreamSyncError';

  constructor(
    message: string,
    /** That of the API; `NETWORK` without an answer, `HTTP_n` or `CLOSED_n` for one that is no GraphQL. */
    readonly code: string,
    readonly extensions: Record<string, unknown> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }

  /** Whether asking again may help. */
  get passes(): boolean {
    return PASSING.includes(this.code);
  }
}

/** Of what clients throw: errors of GraphQL, the close of a socket, or an error. */
export function asError(problem: unknown): StreamSyncError {
  if (problem instanceof StreamSyncError) return problem;
  const [first] = Array.isArray(problem) ? (problem as GraphQLProblem[]) : [];
  if (first) return new StreamSyncError(first.message, first.extensions?.code ?? 'UNKNOWN', first.extensions);
  const { code, reason } = (problem ?? {}) as Partial<CloseEvent>;
  if (typeof code === 'number') return new StreamSyncError(reason || `closed with ${code}`, `CLOSED_${code}`);
  return new StreamSyncError('the server does not answer', 'NETWORK', {}, { cause: problem });
}
