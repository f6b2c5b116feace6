import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { expect, type Check } from '../check.js';
import type { Context } from '../run/context.js';

/** Shorter ones may be part of anything. */
const shortestSecret = 6;

export const secrets: Check = {
  name: 'secrets',
  promise: 'no secret is ever printed, logged or part of an error',
  advice: 'Not even in what a library throws: take messages apart before they are passed on. This check looks at all that the others have heard, too.',
  needs: ({ secrets: names }) => (names.length === 0 ? 'it has no secret settings' : undefined),
  async run(context) {
    const { secrets: names } = await context.settingSchemas();
    const canaries = Object.fromEntries(names.map((name) => [name, `canary-of-${name}-7f3a9c`]));
    await provoke(context, canaries);
    const own = names.map((name) => context.settings[name]).filter((value) => typeof value === 'string' && value.length >= shortestSecret) as string[];
    for (const secret of [...Object.values(canaries), ...own]) {
      const shown = context.heard.find((text) => forms(secret).some((form) => text.includes(form)));
      // The text that shows it shows the secret: only that it does is told.
      expect(shown === undefined, `a secret is in what it says, in a text of ${shown?.length} characters: ${shown?.replaceAll(secret, '***').slice(0, 80)}`);
    }
  },
};

/** Whatever may be tempted to quote its settings. */
async function provoke(context: Context, canaries: Readonly<Record<string, string>>): Promise<void> {
  const site = context.newSite({ ...context.settings, ...canaries });
  const subject = await site.start();
  const broken = Object.fromEntries(Object.entries(canaries).map(([name, value]) => [name, [value]]));
  for (const settings of [{ ...context.settings, ...canaries }, { ...context.settings, ...broken }]) {
    const { notes } = await subject.call(methods.validate, { settings: JSON.stringify(settings) });
    context.heard.push(...notes.map(({ message }) => message));
  }
  const answers = async (): Promise<void> => {
    const configured = await site.subject();
    const { identity, notes } = await configured.call(methods.verify, {});
    context.heard.push(identity, ...notes.map(({ message }) => message));
    await configured.list();
  };
  // That strange secrets are refused is as good as that they are not.
  await answers().catch(() => undefined);
  await site.discard();
}

function forms(secret: string): readonly string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
}
