import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { methodTable } from '../../auth/method-table.js';
import { openApi } from './openapi.js';

void t.test('the document is valid OpenAPI 3.1', async (test) => {
  const validator = new Validator();
  const result = await validator.validate(JSON.parse(JSON.stringify(openApi())) as Record<string, unknown>);
  test.ok(result.valid, `errors: ${JSON.stringify(result.errors)?.slice(0, 2_000)}`);
  test.equal(validator.version, '3.1');
});

void t.test('it has every control method but those that take a stream, each with its permission', async (test) => {
  const { paths } = openApi();
  const expected = Object.keys(methodTable).filter((path) => path.startsWith('/wombat.control.v1.') && !/[/](UploadArtifact|UploadFile|OpenConsole)$/.test(path));
  test.same(Object.keys(paths).sort(), expected.map((path) => path.replace('/wombat.control.v1.', '/v1/')).sort());
  for (const path of expected) {
    const { permission } = methodTable[path] as { permission: string };
    test.equal(paths[path.replace('/wombat.control.v1.', '/v1/')]?.post['x-wombat-permission'], permission, path);
  }
});

void t.test('every reference leads somewhere, and the words of the contracts are there', async (test) => {
  const document = openApi();
  const text = JSON.stringify(document);
  const names = new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!));
  test.ok(names.size > 100, `messages are referred to: ${names.size}`);
  for (const name of names) test.ok(Object.hasOwn(document.components.schemas, name), name);
  test.match(document.components.schemas['wombat.control.v1.Mutation'], {
    description: 'Part of every request that changes something.',
    properties: { requestId: { type: 'string', description: /gets the first answer again/ }, expectedRevision: { type: 'string' } },
  });
  test.match(document.paths['/v1/JobService/WatchJob']?.post.responses['200'], { content: { 'application/x-ndjson': {} } }, 'a stream');
});
