// Only for development on Node. The host of a request decides the brand, so the client has to talk
// to `brand-a.localhost`. Browsers know that this is the own machine (RFC 6761); Node asks the
// system, which may not know, and its `fetch` does not let anybody set `Host`. In a browser, and in
// production, leave this out and use `fetch`.

import http from "node:http";

export async function fetchFromLocalhost(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const body = request.body === null ? null : Buffer.from(await request.arrayBuffer());
  const options: http.RequestOptions = {
    host: "127.0.0.1",
    port: url.port,
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers: { ...Object.fromEntries(request.headers), host: url.host },
  };
  return new Promise((resolve, reject) => {
    const call = http.request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("error", reject);
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => resolve(response(answer, Buffer.concat(chunks))));
    });
    call.on("error", reject);
    call.end(body ?? undefined);
  });
}

function response(answer: http.IncomingMessage, body: Buffer): Response {
  const status = answer.statusCode ?? 0;
  const headers = new Headers();
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return new Response(body.length === 0 ? null : body, { status, headers });
}
