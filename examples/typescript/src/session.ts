// Signing in, and keeping the session alive. The access token lives for minutes. When the API says
// that it is worn out, it is renewed with the refresh token and the request is sent once more; the
// caller sees none of it.

import createClient, { type Client, type Middleware } from "openapi-fetch";

import { type ProblemCode, isProblem, ok } from "./problem.js";
import type { components, paths } from "./schema.js";

export type SessionAgent = components["schemas"]["SessionAgent"];

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

export interface Connection {
  /** The address of the brand's frontend: its host decides the brand. */
  readonly baseUrl: string;
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** Lists can also be had as CSV: whoever wants that says `parseAs: "text"`. */
type Json = "application/json" | "application/problem+json";

/** 401 with one of these is about the token. Others, such as `invalid_credentials`, are not. */
const TOKEN_TROUBLE: readonly ProblemCode[] = ["token_expired", "unauthenticated"];

export class Session {
  /** Calls with the token of the session. */
  readonly api: Client<paths, Json>;
  /** Signs in and refreshes. Without the middleware, or a refused refresh would refresh. */
  readonly #plain: Client<paths, Json>;
  readonly #changed: (tokens: Tokens | null) => void;
  #tokens: Tokens | null = null;
  #refreshing: Promise<void> | null = null;

  /** `changed` gets every new pair, to keep it, and null when the session is over. */
  constructor(connection: Connection, changed: (tokens: Tokens | null) => void = () => {}) {
    this.#changed = changed;
    this.#plain = createClient<paths, Json>(connection);
    this.api = createClient<paths, Json>(connection);
    this.api.use(this.#middleware());
  }

  get tokens(): Tokens | null {
    return this.#tokens;
  }

  /** Goes on with a pair that was kept. */
  resume(tokens: Tokens): void {
    this.#set(tokens);
  }

  async signIn(username: string, password: string): Promise<SessionAgent> {
    const opened = await ok(this.#plain.POST("/agent/login", { body: { username, password } }));
    this.#set({ accessToken: opened.access_token, refreshToken: opened.refresh_token });
    return opened.agent;
  }

  /** Ends the session on the server too, so that nobody can use tokens that were copied. */
  async signOut(): Promise<void> {
    await ok(this.api.POST("/agent/logout"));
    this.#set(null);
  }

  /**
   * A new pair. A refresh token is good for one use, and a second use ends the session, so
   * requests that fail at once share one refresh. Where several tabs share the tokens, hold a lock
   * across them too (`navigator.locks`).
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const body = { refresh_token: this.#tokens?.refreshToken ?? "" };
    try {
      const opened = await ok(this.#plain.POST("/agent/refresh_token", { body }));
      this.#set({ accessToken: opened.access_token, refreshToken: opened.refresh_token });
    } catch (error) {
      // While the service is away the session is not over: the pair stays for the next try.
      if (isRefusal(error)) this.#set(null);
      throw error;
    }
  }

  #set(tokens: Tokens | null): void {
    this.#tokens = tokens;
    this.#changed(tokens);
  }

  #middleware(): Middleware {
    // A body can be read once, so the copy is made before the request is sent.
    const copies = new Map<string, Request>();
    return {
      onRequest: ({ request, id }) => {
        if (this.#tokens === null) return undefined;
        request.headers.set("Authorization", bearer(this.#tokens));
        copies.set(id, request.clone());
        return request;
      },
      onResponse: async ({ response, id, options }) => {
        const copy = copies.get(id);
        copies.delete(id);
        if (copy === undefined || !(await isTokenTrouble(response))) return undefined;
        // Somebody else may have refreshed since this request was sent.
        const used = copy.headers.get("Authorization");
        if (this.#tokens !== null && used === bearer(this.#tokens)) {
          await this.refresh().catch(() => {});
        }
        if (this.#tokens === null || used === bearer(this.#tokens)) return undefined;
        copy.headers.set("Authorization", bearer(this.#tokens));
        return options.fetch(copy);
      },
      onError: ({ id }) => {
        copies.delete(id);
      },
    };
  }
}

function bearer(tokens: Tokens): string {
  return `Bearer ${tokens.accessToken}`;
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && "status" in error && error.status === 401;
}

async function isTokenTrouble(response: Response): Promise<boolean> {
  if (response.status !== 401) return false;
  const problem: unknown = await response.clone().json().catch(() => null);
  return isProblem(problem) && TOKEN_TROUBLE.includes(problem.code);
}
