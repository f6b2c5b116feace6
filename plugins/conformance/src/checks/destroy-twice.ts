import type { Check } from '../check.js';

export const destroyTwice: Check = {
  name: 'destroy-twice',
  promise: 'a machine that was destroyed is destroyed again without an error',
  advice: 'That a machine is not there any more is what was asked for: answer no failure.',
  async run(context) {
    const subject = await context.subject();
    const made = await subject.create(await context.spec());
    await subject.destroy(made);
    await subject.destroy(made);
  },
};
