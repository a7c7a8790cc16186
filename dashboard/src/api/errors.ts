/** What a GraphQL answer says of an error; `code` is one of those in the API's documentation. */
export interface GraphQLProblem {
  message: string;
  locations?: readonly { line: number; column: number }[];
  path?: readonly (string | number)[];
  extensions?: { code?: string; [name: string]: unknown };
}

export const isForbidden = (problem: GraphQLProblem): boolean => problem.extensions?.code === 'FORBIDDEN';

/** A question that was not answered. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** The code of the first problem; `NETWORK` when no answer came, `HTTP_n` when it was no GraphQL. */
    readonly code: string,
    readonly extensions: Record<string, unknown> = {},
  ) {
    super(message);
  }

  static of(problems: readonly GraphQLProblem[]): ApiError {
    const [first] = problems;
    return new ApiError(first?.message ?? 'unknown error', first?.extensions?.code ?? 'UNKNOWN', first?.extensions);
  }

  /** Whether asking again may help. */
  get passes(): boolean {
    return ['NETWORK', 'UNAVAILABLE', 'QUERY_TIMEOUT', 'HTTP_502', 'HTTP_503', 'HTTP_504'].includes(this.code);
  }
}

/** What to tell of it. */
export function inWords({ code, message }: ApiError): string {
  if (code !== 'FORBIDDEN') return message;
  const told = /\byour role\b/i.test(message) ? message : `your role does not allow this: ${message}`;
  return `${told.charAt(0).toUpperCase()}${told.slice(1)}${/[.!?]$/.test(told) ? '' : '.'}`;
}
