import t from 'tap';
import { hasErrors } from './note.js';
import { Settings } from './settings.js';
import * as z from './z.js';

const schema = z.object({
  region: z.string().describe('region slug'),
  size: z.number().int().min(1).default(2),
  spot: z.boolean().optional(),
  zones: z.array(z.string()).optional(),
  ports: z.array(z.number()).optional(),
  limits: z.object({ hosts: z.number() }).optional(),
  tier: z.enum(['gold', 'silver']).optional(),
  token: z.secret().min(8).describe('API token'),
});
const settings = new Settings(schema);
const good = { region: 'eu1', token: 'canary-12345' };

function notesOf(given: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(settings.read(given).notes.map(({ field, message }) => [field, message]));
}

t.test('the JSON Schema says what may be given, and what is secret', async (t) => {
  const json = JSON.parse(settings.jsonSchema) as { properties: Record<string, Record<string, unknown>>; required: string[] };
  t.equal(json.properties['token']?.['x-secret'], true, 'the mark survives min() and describe()');
  t.equal(json.properties['region']?.['description'], 'region slug');
  t.strictSame(json.required, ['region', 'token'], 'what has a default is not required');
  t.strictSame(settings.secretNames, ['token']);
});

t.test('text is read as the type of the schema', async (t) => {
  const given = { ...good, size: '7', spot: 'yes', zones: 'a, b', ports: '1,2', limits: '{"hosts":3}', tier: 'gold' };
  const reading = settings.read(given);
  t.strictSame(reading, {
    ok: true, notes: [],
    value: { region: 'eu1', token: 'canary-12345', size: 7, spot: true, zones: ['a', 'b'], ports: [1, 2], limits: { hosts: 3 }, tier: 'gold' },
  });
  t.strictSame(settings.normalise({ ...given, size: 7 }), { ...(reading as { value: object }).value, size: 7 }, 'what is not text stays');
});

t.test('defaults are filled in when read, and not stored', async (t) => {
  const reading = settings.read(good);
  t.equal(reading.ok && reading.value.size, 2);
  t.strictSame(settings.normalise(good), good);
});

t.test('one note for each broken field, by its name', async (t) => {
  t.strictSame(notesOf({ region: 5, size: 'many', spot: 'perhaps', tier: 'iron', limits: '{', token: good.token }), {
    region: 'Invalid input: expected string, received number',
    size: 'Invalid input: expected number, received string',
    spot: 'Invalid input: expected boolean, received string',
    tier: 'Invalid option: expected one of "gold"|"silver"',
    limits: 'Invalid input: expected object, received string',
  });
  t.strictSame(notesOf({}), { region: 'is required', token: 'is required' });
  t.strictSame(notesOf({ ...good, ports: '1,x' }), { 'ports.1': 'Invalid input: expected number, received string' });
});

t.test('an unknown name is an error that tells the nearest one', async (t) => {
  t.strictSame(notesOf({ ...good, regoin: 'eu1', colour: 'red' }), {
    regoin: 'there is no such setting; did you mean region?', colour: 'there is no such setting',
  });
  t.notOk(settings.read({ ...good, colour: 'red' }).ok);
  t.strictSame(new Settings(z.strictObject({ a: z.string() })).read({ a: 'x', b: 1 }).notes.map(({ field }) => field), ['b'], 'told once by a strict schema too');
  t.ok(new Settings(z.looseObject({})).read({ anything: 'goes' }).ok, 'an open schema takes any name');
});

t.test('a secret is in no note, whatever is wrong with it', async (t) => {
  const leaky = new Settings(z.object({
    token: z.secret().min(8).max(20).refine((value) => !value.includes('x'), { error: (issue) => `bad: ${String(issue.input)}` }).optional(),
    name: z.string().refine(() => false, { error: 'never right' }).optional(),
  }).refine((all) => all.token !== 'canary-99', { error: (issue) => `refused ${JSON.stringify(issue.input)}` }));
  const cases: readonly [Record<string, unknown>, string][] = [
    [{ token: 'canary' }, 'is too short'],
    [{ token: 'canary-canary-canary-canary' }, 'is too long'],
    [{ token: 'canary-x-12' }, 'is not valid'],
    [{ token: 12345678 }, 'must be text'],
    [{ token: 'canary-99' }, 'is not valid'],
  ];
  for (const [given, message] of cases) {
    const { notes } = leaky.read(given);
    t.equal(notes[0]?.message, message, `for ${JSON.stringify(given)}`);
    t.notMatch(JSON.stringify(notes), /canary|12345678/, 'the value must not be shown');
  }
  t.strictSame(leaky.read({ name: 'x' }).notes.map(({ message }) => message), ['never right'], 'other checks keep their words');
  t.strictSame(leaky.read({ token: 'secretkey', secretkey: '1' }).notes.map(({ field }) => field), [''], 'nor as the name of a field');
});

t.test('a secret inside another setting is refused by the definition', async (t) => {
  t.throws(() => new Settings(z.object({ account: z.object({ token: z.secret() }) })), /setting account: a secret must be a setting of its own/);
});

t.test('names of Object.prototype are names like others', async (t) => {
  t.strictSame(notesOf({ ...good, constructor: 'x', toString: 'y' }), { constructor: 'there is no such setting', toString: 'there is no such setting' });
  t.ok(hasErrors(settings.read({ ...good, constructor: 'x' }).notes));
});
