import { isErrorCode, type ErrorCode } from '../errors/catalogue.js';
import { WombatError } from '../errors/wombat-error.js';
import { nearestHint } from '../nearest.js';
import { failpointNames, isFailpoint, type FailpointName } from './names.js';

/** What happens at a failpoint. */
export type FailpointAction =
  /** The process kills itself as a power cut would. */
  | { readonly kind: 'crash' }
  /** Whoever passes waits; without a time for ever. */
  | { readonly kind: 'hang'; readonly ms: number | undefined }
  /** Whoever passes gets an error. */
  | { readonly kind: 'error'; readonly code: ErrorCode };

export interface ArmedFailpoint {
  readonly action: FailpointAction;
  /** It acts at this passing, counted from 1, and at no other. */
  readonly passing: number;
}

const entryPattern = /^([\w.-]+)=(crash|hang|error)(?::([\w.-]+))?(?:@(\d{1,9}))?$/;

/**
 * "coordinator.host.after-create=crash@2;agent.unpack.before=hang:5000;agent.download.during=error:WO_DISK_FULL"
 * @throws WombatError WO_CONFIG_INVALID
 */
export function parseFailpoints(text: string): ReadonlyMap<FailpointName, ArmedFailpoint> {
  const armed = new Map<FailpointName, ArmedFailpoint>();
  for (const entry of text.split(';').map((part) => part.trim()).filter((part) => part !== '')) {
    const [, name = '', kind = '', argument, passing = '1'] = entryPattern.exec(entry) ?? [];
    if (kind === '') throw invalid(`${JSON.stringify(entry.slice(0, 100))} is none of NAME=crash, NAME=hang[:MS], NAME=error[:CODE], each with @N or without`);
    if (!isFailpoint(name)) throw invalid(`there is no failpoint ${name.slice(0, 100)}`, nearestHint(name, failpointNames, 'see docs/reference/failpoints.md'));
    if (armed.has(name)) throw invalid(`${name} is given twice`);
    if (Number(passing) === 0) throw invalid(`${name}: passings are counted from 1`);
    armed.set(name, { action: actionOf(entry, kind, argument), passing: Number(passing) });
  }
  return armed;
}

function actionOf(entry: string, kind: string, argument: string | undefined): FailpointAction {
  if (kind === 'crash' && argument === undefined) return { kind: 'crash' };
  if (kind === 'hang' && (argument === undefined || /^\d{1,9}$/.test(argument))) return { kind: 'hang', ms: argument === undefined ? undefined : Number(argument) };
  const code = argument ?? 'WO_INTERNAL';
  if (kind === 'error' && isErrorCode(code)) return { kind: 'error', code };
  throw invalid(`${entry.slice(0, 100)}: crash takes no argument, hang milliseconds, error a code of the catalogue`);
}

function invalid(message: string, hint = 'see docs/reference/failpoints.md'): WombatError {
  return new WombatError('WO_CONFIG_INVALID', `WOMBAT_FAILPOINTS: ${message}`, { hint });
}
