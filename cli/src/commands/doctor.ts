import { exitCodes, WombatError } from '@wombat/proto';
import { DiagnoseRequest, Finding, FindingLevel, GetVersionRequest, SystemServiceService } from '@wombat/proto/control';
import { defineCommand } from '../command.js';
import { resolveContext, type ResolvedContext } from '../context/resolve.js';
import { loadCredentials, type Credentials } from '../control/credentials.js';
import { answerFindings, connectionFindings } from '../doctor/connection-checks.js';
import { authorityFinding, contextFinding, permissionFindings } from '../doctor/context-checks.js';
import { fail, failWith, warn } from '../doctor/finding.js';
import { sanitise } from '../output/sanitise.js';
import type { Runtime } from '../runtime.js';

export const doctor = defineCommand({
  description: [
    'Looks for what is wrong: here (context, permissions, name, connection, certificate, clock), in the coordinator (store, disk, permissions, certificates, open files, providers), and on every host (session, version, disk, memory, clock).',
    'Each line is PASS, WARN or FAIL, and says what to do. The exit code is 0 without a FAIL, 7 when the coordinator cannot be reached, else 1.',
  ].join('\n'),
  examples: [
    { command: 'wo doctor', explanation: 'everything; what is well in one line each' },
    { command: 'wo doctor -q', explanation: 'only what is not well' },
    { command: 'wo doctor -o json', explanation: 'for a program' },
  ],
  arguments: {},
  options: {},
  async run(runtime) {
    const examined = await examine(runtime);
    await tell(runtime, examined.findings);
    if (!examined.isReachable) return exitCodes.unreachable;
    return examined.findings.some(({ level }) => level === FindingLevel.FAIL) ? exitCodes.failed : exitCodes.done;
  },
});

interface Examined {
  readonly findings: readonly Finding[];
  readonly isReachable: boolean;
}

async function examine(runtime: Runtime): Promise<Examined> {
  const findings: Finding[] = [];
  let context: ResolvedContext;
  let credentials: Credentials;
  try {
    context = await resolveContext(runtime.flags, runtime.io);
    credentials = await loadCredentials(context);
  } catch (error) {
    return { findings: [failWith('context', error)], isReachable: true };
  }
  findings.push(contextFinding(context), ...(await permissionFindings(context)), authorityFinding(credentials.caPem, runtime.clock.now()));
  const connection = await connectionFindings(credentials, runtime.signal);
  findings.push(...connection);
  if (connection.some(({ level }) => level === FindingLevel.FAIL)) return { findings, isReachable: false };
  return { findings: [...findings, ...(await askCoordinator(runtime))], isReachable: true };
}

async function askCoordinator(runtime: Runtime): Promise<Finding[]> {
  const { clock } = runtime;
  let findings: Finding[] = [];
  try {
    const control = await runtime.control();
    // The first call also makes the connection, and would count for its time.
    await control.call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}));
    const askedAt = clock.now();
    const version = await control.call(SystemServiceService.getVersion, GetVersionRequest.fromPartial({}));
    const roundTripMs = clock.now() - askedAt;
    findings = answerFindings({ version, roundTripMs, skewMs: version.time && version.time.getTime() - askedAt - roundTripMs / 2 });
    return [...findings, ...(await control.call(SystemServiceService.diagnose, DiagnoseRequest.fromPartial({}))).findings];
  } catch (error) {
    runtime.signal.throwIfAborted();
    const { code, message } = WombatError.from(error);
    if (code === 'WO_METHOD_UNKNOWN') return [...findings, warn('coordinator', 'it is too old to be asked how it is', 'upgrade the coordinator')];
    return [...findings, code === 'WO_UNAUTHENTICATED' ? fail('token', message, 'get another token from whoever runs the coordinator', code) : failWith('coordinator', error)];
  }
}

const words: Readonly<Partial<Record<FindingLevel, string>>> = { [FindingLevel.PASS]: 'PASS', [FindingLevel.WARN]: 'WARN', [FindingLevel.FAIL]: 'FAIL' };

async function tell({ print, flags }: Runtime, findings: readonly Finding[]): Promise<void> {
  if (print.isForPrograms) return print.json({ findings: findings.map((finding) => Finding.toJSON(finding)) });
  const shown = flags.quiet ? findings.filter(({ level }) => level !== FindingLevel.PASS) : findings;
  const width = Math.max(0, ...shown.map(({ subject, check }) => subject.length + check.length));
  const paint = { [FindingLevel.PASS]: print.out.green, [FindingLevel.WARN]: print.out.yellow, [FindingLevel.FAIL]: print.out.red } as Readonly<Partial<Record<FindingLevel, (text: string) => string>>>;
  for (const { level, subject, check, message, hint, code } of shown) {
    const word = words[level] ?? '?';
    const label = sanitise(`${subject} ${check}`).padEnd(width + 1);
    print.data(`${(paint[level] ?? ((text: string) => text))(word)}  ${label}  ${sanitise(message)}`);
    if (hint !== '') print.data(`      ${print.out.bold('try:')} ${sanitise(hint)}${code ? `  (wo explain ${sanitise(code)})` : ''}`);
  }
  const count = (level: FindingLevel): number => findings.filter((finding) => finding.level === level).length;
  print.tell(`${findings.length} checks: ${count(FindingLevel.PASS)} passed, ${count(FindingLevel.WARN)} warn, ${count(FindingLevel.FAIL)} failed`);
}
