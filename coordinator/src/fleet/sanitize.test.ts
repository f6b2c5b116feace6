import t from 'tap';
import { limits, newId } from '@wombat/proto';
import { ExecOutcome, ExecProgress, Facts, Hello, NodeStatus, Outcome, Sample } from '@wombat/proto/agent';
import { cleanError, cleanFacts, cleanHello, cleanLines, cleanOutcome, cleanProgress, cleanSample, cleanStatus, cleanText } from './sanitize.js';

void t.test('texts lose what steers terminals and pages, and are capped', async (t) => {
  t.equal(cleanText('plain ünïcode 🐨'), 'plain ünïcode 🐨');
  t.equal(cleanText('\u001b[31mred\u001b[0m\u0007 and\r\n more\u0000'), 'red and more');
  t.equal(cleanText('a\u202eb\u2066c\u2028d\u009be'), 'abcde', 'marks of direction, line separators and C1 controls');
  t.equal(cleanText('x'.repeat(1_000)).length, 256);
  t.equal(cleanText('ab🐨', 3), 'ab', 'a pair is not split');
  t.equal(cleanLines('one\n\ttwo\u001b[2J\r\nthree', 100), 'one\n\ttwo\nthree');
});

void t.test('errors', async (t) => {
  const details = JSON.parse('{"__proto__":"x","a\\u0000b":"c\\n"}') as Record<string, string>;
  const cleaned = cleanError({ code: 'WO_X\n', message: 'm'.repeat(5_000), hint: '\u001b[1mh', details });
  t.same(cleaned, { code: 'WO_X', message: 'm'.repeat(1_024), hint: 'h', details: { ab: 'c' } });
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`k${index}`, 'v']));
  t.equal(Object.keys(cleanError({ code: '', message: '', hint: '', details: many }).details).length, 32);
});

void t.test('statuses', async (t) => {
  const nodeId = newId('node');
  t.equal(cleanStatus(NodeStatus.fromPartial({ nodeId: '../../etc' })), undefined, 'what names no node is no status');
  const status = NodeStatus.fromPartial({
    nodeId,
    generation: 3n,
    pid: -4n,
    startId: 's\u0000',
    startedAt: new Date(NaN),
    waiting: { reason: 'because\u001b[5m', since: new Date(-5), nextTryAt: new Date(5) },
    lastError: { code: 'WO_NODE_EXITED', message: 'gone\n', hint: '', details: {} },
    logTail: `l\u0007${'x'.repeat(limits.logTailBytes)}`,
  });
  const cleaned = cleanStatus(status);
  t.match(cleaned, { nodeId, generation: 3n, pid: 0n, startId: 's', startedAt: undefined, lastError: { message: 'gone' } });
  t.same(cleaned?.waiting, { reason: 'because', since: undefined, nextTryAt: new Date(5) });
  t.equal(cleaned?.logTail.length, limits.logTailBytes - 1);
});

void t.test('outcomes', async (t) => {
  const hostId = newId('host');
  const jobId = newId('job');
  const outcome = ExecOutcome.fromPartial({ jobId, targetId: hostId, outcome: Outcome.OK });
  t.same(cleanOutcome(hostId, outcome), outcome, 'an honest one passes unchanged');
  t.equal(cleanOutcome(newId('host'), outcome), undefined, 'a host speaks for no other host');
  t.equal(cleanOutcome(hostId, { ...outcome, jobId: 'job-1' }), undefined);
  t.equal(cleanOutcome(hostId, { ...outcome, outcome: Outcome.SKIPPED })?.outcome, Outcome.LOST_DURING_RUN, 'not an agent\'s to say');
  t.equal(cleanOutcome(hostId, { ...outcome, outcome: 77 as Outcome })?.outcome, Outcome.LOST_DURING_RUN, 'not known');
  const head = Buffer.from('\u001b[31m\u0000bytes');
  const loud = cleanOutcome(hostId, { ...outcome, stdout: { head, sizeBytes: 1n, lostBytes: 0n }, stderr: { head: Buffer.alloc(60_000), sizeBytes: 1n, lostBytes: 0n } });
  t.same(loud?.stdout?.head, head, 'output is the operator\'s, byte for byte');
  t.equal(loud?.stderr?.head.length, limits.outcomeHeadBytes, 'but capped');
});

void t.test('facts, samples and Hello', async (t) => {
  const facts = cleanFacts(Facts.fromPartial({
    hostname: 'h\u0000st',
    platform: { os: 'linux\n', arch: 'x64', libc: 'glibc' },
    addresses: ['10.0.0.1', 'fe80::1', '::1', 'host-1.example.org', '; rm -rf /', '$(id)', '-oProxyCommand=x', ...Array.from({ length: 100 }, () => '10.0.0.2')],
    disks: Array.from({ length: 100 }, () => ({ mount: '/', filesystem: 'ext4\u001b[1m', sizeBytes: 1n, freeBytes: 1n })),
    erts: [{ version: '13\n', otpRelease: '25', path: '/usr' }],
    attributes: [
      { key: 'host.rack', value: { kind: { $case: 'text', value: 'a\n1' } } },
      { key: '__proto__<', value: { kind: { $case: 'flag', value: true } } },
      { key: 'host.nan', value: { kind: { $case: 'decimal', value: NaN } } },
      { key: 'host.price', value: { kind: { $case: 'quantity', value: { amount: 1, unit: 4, currency: 'EUROS' } } } },
      { key: 'host.list', value: { kind: { $case: 'list', value: { values: [
        { kind: { $case: 'integer', value: 1n } }, { kind: { $case: 'list', value: { values: [] } } }, { kind: { $case: 'quantity', value: { amount: Infinity, unit: 1, currency: '' } } },
      ] } } } },
      { key: 'host.none' },
    ],
  }));
  t.match(facts, { hostname: 'hst', platform: { os: 'linux' }, erts: [{ version: '13' }] });
  t.same(facts.addresses.slice(0, 5), ['10.0.0.1', 'fe80::1', '::1', 'host-1.example.org', '10.0.0.2'], 'what is no address is left out');
  t.equal(facts.addresses.length, 61);
  t.equal(facts.disks.length, 64);
  t.same(facts.attributes.map(({ key }) => key), ['host.rack', 'host.price', 'host.list']);
  t.same(facts.attributes[0]?.value, { kind: { $case: 'text', value: 'a1' } });
  t.same(facts.attributes[1]?.value?.kind, { $case: 'quantity', value: { amount: 1, unit: 4, currency: 'EUR' } });
  t.same(facts.attributes[2]?.value?.kind, { $case: 'list', value: { values: [{ kind: { $case: 'integer', value: 1n } }] } });
  t.match(cleanFacts(Facts.fromPartial({})), { hostname: '', platform: undefined });

  t.match(cleanSample(Sample.fromPartial({ cpuUtilisation: NaN, load1m: -3 })), { cpuUtilisation: 0, load1m: 0 });
  t.match(cleanSample(Sample.fromPartial({ cpuUtilisation: 7, load1m: Infinity })), { cpuUtilisation: 1, load1m: 0 });
  const hello = cleanHello(Hello.fromPartial({ packageSha256: '../../etc', updateFailed: { updateId: 'op\n1', error: { code: 'WO_X', message: 'a\u001b[2Jb' } }, agentVersion: '1\n2', features: Array.from({ length: 100 }, () => 'f\u0000'), bootId: 'b'.repeat(100), journalPosition: 4n, journalDamages: Array.from({ length: 100 }, () => ({ journal: 'j', keptAs: 'k\n', reason: 'r'.repeat(1_000) })) }));
  t.equal(hello.packageSha256, '', 'no digest');
  t.match(hello.updateFailed, { updateId: 'op1', error: { message: 'ab' } });
  t.equal(cleanHello(Hello.fromPartial({ packageSha256: 'a'.repeat(64) })).packageSha256, 'a'.repeat(64));
  t.match(hello, { agentVersion: '12', journalPosition: 4n });
  t.equal(hello.features.length, 64);
  t.equal(hello.bootId.length, 64);
  t.same([hello.journalDamages.length, hello.journalDamages[0]?.keptAs, hello.journalDamages[0]?.reason.length], [8, 'k', 256]);
});

void t.test('pieces of output', async (t) => {
  const [hostId, jobId, targetId] = [newId('host'), newId('job'), newId('node')];
  const piece = ExecProgress.fromPartial({ jobId, targetId, offset: 5n, data: Buffer.from('text') });
  t.same(cleanProgress(hostId, piece), piece, 'an honest one passes unchanged');
  t.equal(cleanProgress(hostId, { ...piece, targetId: newId('host') }), undefined, 'a host speaks for no other host');
  t.equal(cleanProgress(hostId, { ...piece, jobId: 'job-1' }), undefined);
  t.equal(cleanProgress(hostId, { ...piece, data: Buffer.alloc(limits.livePieceBytes + 1) }), undefined, 'larger than an agent makes them');
  t.equal(cleanProgress(hostId, { ...piece, offset: BigInt(limits.liveOutputBytes) }), undefined, 'behind what is told while it runs');
});
