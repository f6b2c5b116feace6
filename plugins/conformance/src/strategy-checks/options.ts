import { NoteLevel } from '@wombat/plugin-sdk';
import { expect } from '../check.js';
import type { SettingSchema } from '../run/context.js';
import type { StrategyCheck } from './strategy-check.js';

type Options = Readonly<Record<string, string>>;

export const options: StrategyCheck = {
  name: 'options',
  promise: 'ValidateOptions accepts good options, and has a note with the name of each broken one',
  advice: 'Options are text. Each that is missing, cannot be read as its type, or is not known gets a note of the level ERROR whose `field` is its name.',
  async run(context) {
    const strategy = await context.strategy();
    const sample = context.options.options ?? {};
    const { properties = {}, required = [] } = JSON.parse((await context.describe()).description?.settingsSchema || '{}') as SettingSchema;
    const errorsOf = async (given: Options) => (await strategy.validate(given)).filter(({ level }) => level === NoteLevel.ERROR);

    const [refused] = await errorsOf(sample);
    expect(refused === undefined, `the options it was given are refused: ${refused?.field} ${refused?.message}`);
    for (const [what, name, given] of broken(sample, properties, required)) {
      const notes = await errorsOf(given);
      expect(notes.some(({ field }) => field === name), `no note for ${name} when it ${what}`);
    }
  },
};

function* broken(sample: Options, properties: Readonly<Record<string, SettingSchema>>, required: readonly string[]): Generator<[string, string, Options]> {
  const unknown = 'conformance-unknown';
  yield ['is no option', unknown, { ...sample, [unknown]: 'x' }];
  for (const name of required) {
    const { [name]: _left, ...rest } = sample;
    yield ['is missing', name, rest];
  }
  for (const [name, { type }] of Object.entries(properties)) {
    if (['number', 'integer', 'boolean'].includes(String(type))) yield [`is no ${String(type)}`, name, { ...sample, [name]: 'conformance' }];
  }
}
