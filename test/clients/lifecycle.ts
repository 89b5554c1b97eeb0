// Takes a deployment through its life with the client that openapi-typescript generates.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/api.js";

type NpuDeployEvent = components["schemas"]["NpuDeployEvent"];

const { NUFI_URL: baseUrl, NUFI_TOKEN: token, NUFI_NAMESPACE: namespace = "" } = process.env;
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
const one = { params: { path: { namespace, name: "typescript" } } };

function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

// events parses server-sent events.
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<NpuDeployEvent> {
  let text = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream() as any) as any as AsyncIterable<string>) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const fields = new Map(text.slice(0, end).split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      text = text.slice(end + 2);
      const event = fields.get("event");
      if (event) yield { event, id: fields.get("id"), data: JSON.parse(fields.get("data") ?? "") } as NpuDeployEvent;
    }
  }
}

// Watch, before anything is written.
const abort = new AbortController();
const watch = await client.GET("/api/v1/namespaces/{namespace}/watch/npudeploys", {
  params: { path: { namespace } }, parseAs: "stream", signal: abort.signal,
});
assert(watch.response.ok && watch.data, "no stream");
const stream = events(watch.data as unknown as ReadableStream<Uint8Array>);

async function next(what: string, matches: (event: NpuDeployEvent) => boolean): Promise<NpuDeployEvent> {
  for (;;) {
    const { value, done } = await stream.next();
    assert(!done, `the stream ended before ${what}`);
    if (matches(value)) return value;
  }
}
await next("the first list", (e) => e.event === "BOOKMARK" && e.data.metadata.annotations?.["k8s.io/initial-events-end"] === "true");

// An error is a problem, and has the path of the field.
const invalid = await client.POST("/api/v1/namespaces/{namespace}/npudeploys", {
  params: { path: { namespace }, query: { dryRun: "All" } },
  body: { metadata: { name: "typescript" }, spec: { model: "org/model", accelerator: { type: "atom", count: 3 } } },
});
assert(invalid.error?.status === 422 && invalid.error.errors?.[0]?.field === "spec.accelerator.count", `no violation: ${JSON.stringify(invalid.error)}`);

// Create, and read.
const created = await client.POST("/api/v1/namespaces/{namespace}/npudeploys", {
  params: { path: { namespace } },
  body: { metadata: { name: "typescript" }, spec: { model: "org/model", accelerator: { type: "atom", count: 1 } } },
});
assert(created.data?.metadata.uid, `not created: ${JSON.stringify(created.error)}`);
const read = await client.GET("/api/v1/namespaces/{namespace}/npudeploys/{name}", one);
assert(read.data?.spec.model === "org/model", "not read");

// The controller reports a status.
await next("its status", (e) => e.event === "MODIFIED" && e.data.metadata.name === "typescript" &&
  e.data.status?.conditions?.some((c) => c.type === "Applied" && c.status === "True") === true);

// Change the version that was read, and not another.
const { params } = one;
const etag = read.response.headers.get("ETag") ?? "";
const body = { spec: { model: "org/model", accelerator: { type: "atom" as const, count: 2 } } };
const changed = await client.PUT("/api/v1/namespaces/{namespace}/npudeploys/{name}", { params: { ...params, header: { "If-Match": etag } }, body });
assert(changed.data?.spec.accelerator?.count === 2, `not changed: ${JSON.stringify(changed.error)}`);
const outdated = await client.PUT("/api/v1/namespaces/{namespace}/npudeploys/{name}", { params: { ...params, header: { "If-Match": etag } }, body });
assert(outdated.error?.status === 412, `the former version was changed: ${JSON.stringify(outdated.data)}`);
await next("the change", (e) => e.event === "MODIFIED" && e.data.spec.accelerator?.count === 2);

// Why it is not ready, and its log, which does not exist: there is no node.
const pods = await client.GET("/api/v1/namespaces/{namespace}/npudeploys/{name}/pods", one);
assert(pods.data?.ready.status === "False", `ready: ${JSON.stringify(pods)}`);
const log = await client.GET("/api/v1/namespaces/{namespace}/npudeploys/{name}/logs", { ...one, parseAs: "text" });
assert(log.error && [404, 409].includes(log.error.status), `a log: ${log.data}`);

// Delete.
const deleted = await client.DELETE("/api/v1/namespaces/{namespace}/npudeploys/{name}", one);
assert(deleted.response.status === 202, "not deleted");
await next("the deletion", (e) => e.event === "DELETED" && e.data.metadata.name === "typescript");
const gone = await client.GET("/api/v1/namespaces/{namespace}/npudeploys/{name}", one);
assert(gone.error?.status === 404, "still there");
abort.abort();
process.exit(0); // Node.js 20 loses the signal of a request that was garbage-collected, and waits for the stream.
