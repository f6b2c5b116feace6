import { NoteLevel, type JsonObject, type Note } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';
import type { SettingSchema } from '../run/context.js';

export const validate: Check = {
  name: 'validate',
  promise: 'Validate accepts good settings, and has a note with the name of each broken one',
  advice: 'Each setting that is missing, of another type or of an unknown name gets a note of the level ERROR whose `field` is its name.',
  async run(context) {
    const subject = await context.subject();
    const { properties, required } = await context.settingSchemas();
    const errorsOf = async (settings: JsonObject): Promise<readonly Note[]> =>
      (await subject.call(methods.validate, { settings: JSON.stringify(settings) })).notes.filter(({ level }) => level === NoteLevel.ERROR);

    const [refused] = await errorsOf(context.settings);
    expect(refused === undefined, `the settings it was given are refused: ${refused?.field} ${refused?.message}`);
    for (const [what, name, settings] of broken(context.settings, properties, required)) {
      const notes = await errorsOf(settings);
      expect(notes.some(({ field }) => field === name || field.startsWith(`${name}.`)), `no note for ${name} when it ${what}`);
    }
  },
};

function* broken(sample: JsonObject, properties: Readonly<Record<string, SettingSchema>>, required: readonly string[]): Generator<[string, string, JsonObject]> {
  const unknown = 'conformance-unknown';
  yield ['is no setting', unknown, { ...sample, [unknown]: 'x' }];
  for (const name of required) {
    const { [name]: _left, ...rest } = sample;
    yield ['is missing', name, rest];
  }
  for (const [name, schema] of Object.entries(properties)) {
    const wrong = valueOfAnotherType(schema);
    if (wrong !== undefined) yield ['has the wrong type', name, { ...sample, [name]: wrong }];
  }
}

/** Undefined: the setting takes anything. */
function valueOfAnotherType(schema: SettingSchema): unknown {
  const types = typesOf(schema);
  if (types.length === 0) return undefined;
  if (!types.includes('object')) return { conformance: 'object' };
  if (!types.includes('array')) return [['conformance']];
  return types.includes('boolean') ? undefined : true;
}

function typesOf({ type, anyOf = [], oneOf = [] }: SettingSchema): readonly string[] {
  return [...(type === undefined ? [] : [type].flat()), ...[...anyOf, ...oneOf].flatMap(typesOf)];
}
