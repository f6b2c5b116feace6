import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createFileRegistry, fromBinary, type DescMethod } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { methodTable } from '../../auth/method-table.js';
import { serviceNames } from '../control/service-names.js';
import { commentsOf } from './comments.js';
import { Schemas, type Schema } from './schemas.js';

export interface OpenApi extends Schema {
  readonly openapi: '3.1.0';
  readonly paths: Readonly<Record<string, { readonly post: Operation }>>;
  readonly components: Schema & { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Operation extends Schema {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Schema>>;
}

const error = { $ref: '#/components/schemas/wombat.type.v1.ErrorDetail' } as const;
const failure: Schema = {
  description: 'It was refused or failed; `code` says how, `hint` what to do.',
  content: { 'application/json': { schema: error } },
};

/** The HTTP door as OpenAPI 3.1, from the contracts and the method table. */
export function openApi(): OpenApi {
  const image = createRequire(import.meta.url).resolve('@wombat/proto/reflection.binpb');
  const files = fromBinary(FileDescriptorSetSchema, readFileSync(image));
  const registry = createFileRegistry(files);
  const comments = commentsOf(files.file);
  const schemas = new Schemas(comments);
  schemas.of(registry.getMessage('wombat.type.v1.ErrorDetail')!);
  const services = serviceNames.map((name) => registry.getService(name)).filter((service) => service !== undefined);
  const methods = services.flatMap((service) => service.methods.filter(isServed).map((method) => [pathOf(method), { post: operationOf(method, schemas, comments) }] as const));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Wombat control API', version: 'v1', license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description: 'Every method is a POST of one JSON object in proto3 JSON. Fields with their default value are left out. An enumeration may have values that this page does not know.',
    },
    servers: [{ url: '/' }],
    security: [{ operatorToken: [] }],
    tags: services.map((service) => ({ name: service.name, ...described(comments.get(service.typeName)) })),
    paths: Object.fromEntries(methods),
    components: {
      schemas: schemas.all(),
      securitySchemes: { operatorToken: { type: 'http', scheme: 'bearer', description: 'Made by `wo operator create`.' } },
    },
  };
}

/** What takes a stream is for the gRPC door alone. */
function isServed(method: DescMethod): boolean {
  return method.methodKind === 'unary' || method.methodKind === 'server_streaming';
}

function pathOf(method: DescMethod): string {
  return `/v1/${method.parent.name}/${method.name}`;
}

function operationOf(method: DescMethod, schemas: Schemas, comments: ReadonlyMap<string, string>): Operation {
  const rule = methodTable[`/${method.parent.typeName}/${method.name}`];
  const permission = rule?.identity === 'operator' ? rule.permission : undefined;
  const comment = comments.get(`${method.parent.typeName}.${method.name}`);
  const text = [comment, permission && `Needs the permission \`${permission}\`.`].filter(Boolean).join('\n\n');
  return {
    operationId: `${method.parent.name}.${method.name}`,
    tags: [method.parent.name],
    ...described(text),
    ...(permission ? { 'x-wombat-permission': permission } : {}),
    requestBody: { content: { 'application/json': { schema: schemas.of(method.input) } } },
    responses: { 200: answerOf(method, schemas.of(method.output)), default: failure },
  };
}

function answerOf(method: DescMethod, schema: Schema): Schema {
  if (method.methodKind === 'unary') return { description: 'Done.', content: { 'application/json': { schema } } };
  const line: Schema = { oneOf: [{ type: 'object', required: ['result'], properties: { result: schema } }, { type: 'object', required: ['error'], properties: { error } }] };
  return {
    description: 'One JSON object a line, until it ends or fails. With `Accept: text/event-stream` as server-sent events.',
    content: { 'application/x-ndjson': { schema: line } },
  };
}

function described(text: string | undefined): { description?: string } {
  return text ? { description: text } : {};
}
