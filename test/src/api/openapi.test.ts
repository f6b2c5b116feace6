import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { prepareSleepers } from '../support/families.js';
import { Workshop } from '../support/workshop.js';

interface Described {
  readonly paths: Readonly<Record<string, { readonly post: { readonly responses: { readonly 200: { readonly content: Readonly<Record<string, unknown>> } } } }>>;
}

/** What is said to the methods that answer nothing to an empty body. A change is only tried. */
const bodies: Readonly<Record<string, object>> = {
  'FamilyService/GetFamily': { family: 'Sleepers' },
  'FamilyService/GetFamilyStatus': { family: 'Sleepers' },
  'FamilyService/ListFamilyRevisions': { family: 'Sleepers' },
  'FamilyService/UpdateFamily': { family: 'Sleepers', mutation: { dryRun: true } },
  'FamilyService/CreateFamily': { name: 'another', mutation: { dryRun: true } },
  'FamilyService/SetFirewall': { family: 'Sleepers', rules: [{ protocol: 'tcp', fromPort: 80, toPort: 81 }], mutation: { dryRun: true } },
  'NodeService/GetNode': { node: 'NODE' },
  'NodeService/RenderNode': { node: 'NODE' },
  'NodeService/RestartNodes': { nodes: ['NODE'], mutation: { dryRun: true } },
  'HostService/GetHost': { host: 'HOST' },
  'HostService/DrainHost': { host: 'HOST', mutation: { dryRun: true } },
  'OperationService/GetOperation': { operation: 'OPERATION' },
  'OperatorService/CreateOperatorToken': { name: 'ci', roles: ['viewer'], mutation: { dryRun: true } },
  'JobService/CreateJob': { expression: 'Sleepers', action: { command: { argv: ['true'] } }, timeout: '20s' },
  'JobService/GetJob': { job: 'job-' },
  'ProviderService/GetProvider': { provider: 'laptop' },
  'ProviderService/VerifyProvider': { provider: 'laptop' },
  'ProviderService/ListImages': { provider: 'laptop' },
  'ProviderService/ListHardwareProfiles': { provider: 'laptop' },
  'ReleaseService/GetRelease': { release: 'sleepers release' },
  'TokenService/CreateJoinToken': { hostName: 'rack 7', mutation: { dryRun: true } },
};

t.test('what /openapi.json says is what the coordinator answers', async (t) => {
  const workshop = await Workshop.open(t);
  const { family } = await prepareSleepers(workshop);
  await workshop.ok('deploy-nodes', family, '--amount', '1');
  const { http } = await workshop.coordinator.connect();
  const { token } = await workshop.coordinator.credentials();
  const document = (await (await fetch(`http://${http}/openapi.json`)).json()) as Described;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'openapi');

  const ask = async (path: string, body: object): Promise<{ status: number; json: unknown }> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`http://${http}${path}`, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(30_000) });
    return { status: response.status, json: await response.json() };
  };
  const idOf = async (path: string, key: string): Promise<string> => ((await ask(path, {})).json as Record<string, { metadata: { id: string } }[]>)[key]![0]!.metadata.id;
  const ids = { NODE: await idOf('/v1/NodeService/ListNodes', 'nodes'), HOST: await idOf('/v1/HostService/ListHosts', 'hosts'), OPERATION: await idOf('/v1/OperationService/ListOperations', 'operations') };
  const bodyOf = (method: string): object => JSON.parse(JSON.stringify(bodies[method] ?? {}).replace(/NODE|HOST|OPERATION/g, (word) => ids[word as keyof typeof ids])) as object;

  const pointer = (path: string, ...rest: readonly string[]): string => ['openapi#/paths', path, 'post', 'responses', ...rest].map((part, index) => (index === 0 ? part : encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))).join('/');
  const unary = Object.entries(document.paths).filter(([, { post }]) => 'application/json' in post.responses[200].content);
  t.ok(unary.length > 40, `methods are asked: ${unary.length}`);
  let answered = 0;
  for (const [path] of unary) {
    const method = path.replace('/v1/', '');
    const { status, json } = await ask(path, bodyOf(method));
    if (status === 200) answered += 1;
    if (bodies[method] || /\/List/.test(method)) t.ok(status === 200 || method === 'ProviderService/ListHardwareProfiles', `${method} is answered`, { status, json });
    const schema = status === 200 ? pointer(path, '200', 'content', 'application/json', 'schema') : pointer(path, 'default', 'content', 'application/json', 'schema');
    const validate = ajv.getSchema(schema);
    if (!validate) throw new Error(`there is no schema at ${schema}`);
    t.ok(validate(json), `${method} answers ${status} as described`, { json, errors: validate.errors });
    t.same(undescribed(document, path, status, json), [], `${method} says nothing that is not described`);
  }
  t.ok(answered > 25, `with more than errors: ${answered}`);
});

type Schema = { readonly $ref?: string; readonly properties?: Record<string, Schema>; readonly items?: Schema; readonly additionalProperties?: Schema };

/** Fields of an answer that its schema does not have: schemas let pass what they do not know. */
function undescribed(document: Described, path: string, status: number, json: unknown): string[] {
  const schemas = (document as unknown as { components: { schemas: Record<string, Schema> } }).components.schemas;
  const look = (schema: Schema | undefined, value: unknown, where: string): string[] => {
    const found = schema?.$ref ? schemas[schema.$ref.split('/').at(-1)!] : schema;
    if (Array.isArray(value)) return value.flatMap((item, index) => look(found?.items, item, `${where}[${index}]`));
    if (typeof value !== 'object' || value === null) return found ? [] : [where];
    return Object.entries(value).flatMap(([name, inner]) => look(found?.properties?.[name] ?? found?.additionalProperties, inner, `${where}.${name}`));
  };
  const responses = document.paths[path]!.post.responses as unknown as Record<string, { content: Record<string, { schema: Schema }> }>;
  return look(responses[status === 200 ? '200' : 'default']!.content['application/json']!.schema, json, '');
}
