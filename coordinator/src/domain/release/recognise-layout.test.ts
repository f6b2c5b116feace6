import t from 'tap';
import { isTelling } from './recognise-layout.js';
import { inspectionOf, mixInspection, plainInspection, relxInspection, relxTexts } from './testing/inspections.js';

t.test('relx, mix and plain', (t) => {
  t.match(relxInspection(), {
    layout: 'relx', releaseName: 'riak', releaseVersion: '3.0', ertsVersion: '13.1.5', otpRelease: '25',
    startScripts: [{ path: 'bin/riak', hasForeground: true }],
  });
  t.equal(relxInspection().startScripts.length, 1, 'neither the doubled script nor the escript counts');
  t.match(mixInspection(), { layout: 'mix', releaseName: 'shop', releaseVersion: '0.3.0', ertsVersion: '14.2', otpRelease: '26' });
  t.match(plainInspection(), { layout: 'plain', releaseName: '', releaseVersion: '', ertsVersion: '', startScripts: [] });
  t.end();
});

t.test('a release without its runtime, and one that says only half', (t) => {
  t.match(inspectionOf(relxTexts), { layout: 'relx', ertsVersion: '', otpRelease: '' });
  const { 'releases/start_erl.data': _, ...rest } = relxTexts;
  t.match(inspectionOf(rest), { layout: 'relx', releaseVersion: '3.0', releaseName: 'riak' }, 'RELEASES alone is enough');
  t.match(inspectionOf({ 'releases/start_erl.data': '13.1.5 3.0' }), { layout: 'plain' }, 'without a script there is nothing to start');
  t.match(inspectionOf({ ...relxTexts, 'releases/RELEASES': '' }), { releaseName: 'riak' }, 'the script names it');
  t.match(inspectionOf(relxTexts, { 'erts-10.4/bin/erlexec': { kind: 'file', sizeBytes: 1, executable: true } }), { ertsVersion: '10.4', otpRelease: '' });
  t.end();
});

t.test('only what tells something is read', (t) => {
  const telling = ['wombat.release.yaml', 'bin/x', 'etc/vm.args', 'releases/RELEASES', 'releases/1/vm.args.src', 'releases/1/env.sh'];
  const silent = ['lib/a/ebin/a.beam', 'bin/x/y', 'releases/1/start.boot', 'x/wombat.release.yaml'];
  t.strictSame([...telling, ...silent].filter(isTelling), telling);
  t.end();
});
