import fc from 'fast-check';
import t from 'tap';
import { isHeld, type Silence } from './brake.js';

const silences: fc.Arbitrary<Silence> = fc
  .tuple(fc.nat(2_000), fc.nat(2_000), fc.nat(2_000))
  .map((numbers) => numbers.sort((a, b) => a - b))
  .map(([recent = 0, silent = 0, hosts = 0]) => ({ hosts, silent, recent }));

t.test('the brake takes more than five hosts and more than a fifth of them', async (t) => {
  t.notOk(isHeld({ hosts: 6, silent: 5, recent: 5 }, false), 'five of six are few');
  t.ok(isHeld({ hosts: 6, silent: 6, recent: 6 }, false), 'six of six are not');
  t.notOk(isHeld({ hosts: 30, silent: 6, recent: 6 }, false), 'six of thirty are a fifth, not more');
  t.ok(isHeld({ hosts: 29, silent: 6, recent: 6 }, false), 'six of 29 are more');
  t.notOk(isHeld({ hosts: 29, silent: 20, recent: 5 }, false), 'those that fell silent one by one, long ago, do not count');
  fc.assert(fc.property(silences, (silence) => {
    if (isHeld(silence, false)) return silence.recent > 5 && silence.recent * 5 > silence.hosts;
    return silence.recent <= 5 || silence.recent * 5 <= silence.hosts;
  }));
});

t.test('it is held until less than a fifth is silent', async (t) => {
  t.ok(isHeld({ hosts: 30, silent: 6, recent: 0 }, true), 'a fifth is not less');
  t.notOk(isHeld({ hosts: 30, silent: 5, recent: 5 }, true), 'five of thirty are');
  t.notOk(isHeld({ hosts: 0, silent: 0, recent: 0 }, true), 'hosts that are no more hold nothing');
  fc.assert(fc.property(silences, (silence) => isHeld(silence, true) === (silence.silent > 0 && silence.silent * 5 >= silence.hosts)));
});

t.test('what takes it does not let it go in the same breath: no flapping', async () => {
  fc.assert(fc.property(silences, (silence) => !isHeld(silence, false) || isHeld(silence, true)));
});

t.test('one more silent host never lets it go, one that is back never takes it', async () => {
  fc.assert(fc.property(silences, fc.boolean(), (silence, was) => {
    const more = { ...silence, hosts: Math.max(silence.hosts, silence.silent + 1), silent: silence.silent + 1, recent: silence.recent + 1 };
    const sameSize = more.hosts === silence.hosts;
    return !sameSize || !isHeld(silence, was) || isHeld(more, was);
  }));
  fc.assert(fc.property(silences, (silence) => {
    const back = { ...silence, silent: Math.max(0, silence.silent - 1), recent: Math.max(0, silence.recent - 1) };
    return isHeld(silence, false) || !isHeld(back, false);
  }));
});
