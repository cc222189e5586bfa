// Errors of the API as exceptions. Branch on `code`: titles and details may change, codes do not.

import type { components } from "./schema.js";

export type Problem = components["schemas"]["ProblemDocument"];
export type ProblemCode = Problem["code"];

/** The API refused a request (RFC 9457). */
export class ApiProblem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  /** Name it when you report a fault: it finds the line in the logs of the service. */
  readonly requestId: string;
  /** For `validation_failed`: what is wrong with which field. */
  readonly fields: ReadonlyArray<{ readonly field: string; readonly message: string }>;
  /** For 429 and 503: seconds to wait before the next try. */
  readonly retryAfter: number | null;

  constructor(problem: Problem, response: Response) {
    super(`${problem.status} ${problem.code}: ${problem.detail}`);
    this.name = "ApiProblem";
    this.code = problem.code;
    this.status = problem.status;
    this.requestId = problem.request_id;
    this.fields = problem.errors ?? [];
    const wait = Number(response.headers.get("retry-after") ?? Number.NaN);
    this.retryAfter = Number.isFinite(wait) ? wait : null;
  }
}

type Outcome<T> =
  | { readonly data: T; readonly error?: never; readonly response: Response }
  | { readonly data?: never; readonly error: Problem; readonly response: Response };

/** The body of a success; a refusal is thrown. */
export async function ok<T>(call: Promise<Outcome<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  if (isProblem(error)) throw new ApiProblem(error, response);
  // Not from the service: a proxy between, or a connection that was refused before it was read.
  throw new Error(`HTTP ${response.status} from ${response.url}`);
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "request_id" in value;
}
