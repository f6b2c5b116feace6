import { secretKeyword } from '@wombat/plugin-sdk';
import { expect } from '../check.js';
import type { SettingSchema } from '../run/context.js';
import type { StrategyCheck } from './strategy-check.js';

export const noSecrets: StrategyCheck = {
  name: 'no-secrets',
  promise: 'asks for no secrets: options of a family are stored and shown as they are',
  advice: 'What a node needs to join comes with its release or its family (`--secret`), and steps name it by a path or a variable.',
  async run(context) {
    const { properties = {} } = JSON.parse((await context.describe()).description?.settingsSchema || '{}') as SettingSchema;
    const secret = Object.entries(properties).find(([, property]) => secretKeyword in property);
    expect(secret === undefined, `the option ${secret?.[0]} is a secret`);
  },
};
