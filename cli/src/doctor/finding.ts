import { WombatError } from '@wombat/proto';
import { FindingLevel, type Finding } from '@wombat/proto/control';

const subject = 'wo';

export function pass(check: string, message: string): Finding {
  return { level: FindingLevel.PASS, subject, check, message, hint: '', code: '' };
}

export function warn(check: string, message: string, hint: string, code = ''): Finding {
  return { level: FindingLevel.WARN, subject, check, message, hint, code };
}

export function fail(check: string, message: string, hint: string, code = ''): Finding {
  return { level: FindingLevel.FAIL, subject, check, message, hint, code };
}

export function failWith(check: string, error: unknown): Finding {
  const { message, hint, code } = WombatError.from(error);
  return fail(check, message, hint, code);
}
