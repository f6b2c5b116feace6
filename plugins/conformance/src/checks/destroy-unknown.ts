import type { Check } from '../check.js';

export const destroyUnknown: Check = {
  name: 'destroy-unknown',
  promise: 'destroying what never was there succeeds',
  advice: 'Also for an id that is not shaped as those of the provider: no such machine is there.',
  async run(context) {
    const subject = await context.subject();
    const made = await subject.create(await context.spec());
    const neverMade = shifted(made.machineId);
    await subject.destroy(made);
    await subject.destroy(neverMade, 'conformance-no-such-machine');
  },
};

/** Another id of the same shape, also where it is hexadecimal. */
function shifted(id: string): string {
  const shift = (character: string): string => {
    const digits = /[0-9]/.test(character) ? '0123456789' : /[a-f]/.test(character) ? 'abcdef' : 'ghijklmnopqrstuvwxyz';
    return digits[(digits.indexOf(character) + 1) % digits.length]!;
  };
  return id.slice(0, -6) + id.slice(-6).replace(/[0-9a-z]/g, shift);
}
